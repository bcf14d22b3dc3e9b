"""Builds Grafana's dashboards, alert rules and data sources from the table of metrics."""
