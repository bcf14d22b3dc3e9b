"""Grafana's dashboards and alerts, built from the table of metrics, and a check that runs them."""

from __future__ import annotations
