"""Grafana's dashboards and alerts, built from the table of metrics, and their check."""

from __future__ import annotations
