"""All series of other people, by name."""

from __future__ import annotations

from tests.benchmarks.loop.public.forecasts import FORECASTS
from tests.benchmarks.loop.public.tables import TABLES

PUBLIC = {public.name: public for public in (*TABLES, *FORECASTS)}
"""They never include those that others keep to judge the loop by: a half-hourly market price,
hourly bike rentals, hourly road traffic, household power."""
