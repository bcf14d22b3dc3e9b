"""Runs every query of the provisioned dashboards and alerts against real data sources."""
