"""Whole series replayed under five policies of retraining: ``make bench-loop``."""

from __future__ import annotations
