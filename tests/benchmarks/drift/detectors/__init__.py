"""Detectors under test: each takes a reference and a window and says who raises an alarm."""

from __future__ import annotations
