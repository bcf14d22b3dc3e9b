"""Checks a window of a model's traffic for drift."""

from __future__ import annotations
