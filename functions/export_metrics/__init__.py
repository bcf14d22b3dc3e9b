"""Exports CloudWatch's metrics to Prometheus."""

from __future__ import annotations
