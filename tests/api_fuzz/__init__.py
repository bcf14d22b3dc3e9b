"""Calls of the API with all that its OpenAPI document allows, and with what it does not."""

from __future__ import annotations
