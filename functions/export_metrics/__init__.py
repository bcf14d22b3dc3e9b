"""Answers Prometheus with what CloudWatch knows."""

from __future__ import annotations
