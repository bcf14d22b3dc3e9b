"""Answers every route of one model: predictions, ground truth, and what it is."""

from __future__ import annotations
