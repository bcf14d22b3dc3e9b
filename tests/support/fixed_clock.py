"""A fixed clock: the moment that tests use as now."""

from __future__ import annotations

from datetime import UTC, datetime

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
