"""A Lambda executor for LocalStack that runs functions as processes of this machine."""

from __future__ import annotations
