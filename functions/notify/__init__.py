"""Tells people, by e-mail and webhook, what happened to a model."""

from __future__ import annotations
