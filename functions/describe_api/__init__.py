"""Answers what concerns all models, or one that does not exist."""

from __future__ import annotations
