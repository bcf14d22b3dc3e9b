"""Answers the routes about all models, or about a model that does not exist."""

from __future__ import annotations
