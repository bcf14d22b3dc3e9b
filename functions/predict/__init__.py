"""Answers every route of one model: predictions, ground truth and metadata."""

from __future__ import annotations
