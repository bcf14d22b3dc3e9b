"""Sends alerts about models by e-mail and webhook."""

from __future__ import annotations
