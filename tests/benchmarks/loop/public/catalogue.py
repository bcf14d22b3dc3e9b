"""All series of other people, by name."""

from __future__ import annotations

from tests.benchmarks.loop.public.amounts import AMOUNTS
from tests.benchmarks.loop.public.drawn import DRAWN
from tests.benchmarks.loop.public.forecasts import FORECASTS
from tests.benchmarks.loop.public.next_outcomes import NEXT_OUTCOMES
from tests.benchmarks.loop.public.outcomes import OUTCOMES
from tests.benchmarks.loop.public.slow_forecasts import SLOW_FORECASTS
from tests.benchmarks.loop.public.tables import TABLES

PUBLIC = {
    public.name: public
    for kind in (TABLES, OUTCOMES, NEXT_OUTCOMES, AMOUNTS, DRAWN, FORECASTS, SLOW_FORECASTS)
    for public in kind
}
"""They never include those that others keep to judge the loop by: a half-hourly market price,
hourly bike rentals, hourly road traffic, household power."""

FEW = (
    *("pedestrians_auckland", "retail_bulk", "retail_shuffled", "hurricanes", "stocks_moving"),
    *("visits_quiet", "victoria_demand", "melbourne_temperature", "co2_mauna_loa", "sunspots"),
    "bank_calls",
)
"""Of the series that may be looked at those that a quick run has the time for."""
