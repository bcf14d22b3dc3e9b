"""All series of other people, by name."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from tests.benchmarks.loop.public.amounts import AMOUNTS
from tests.benchmarks.loop.public.causes import CAUSES
from tests.benchmarks.loop.public.choices import CHOICES
from tests.benchmarks.loop.public.criterion import KNOWN, KNOWN_WHERE_QUIET, shortcomings
from tests.benchmarks.loop.public.cutting import series_of
from tests.benchmarks.loop.public.drawn import DRAWN
from tests.benchmarks.loop.public.drawn_again import DRAWN_AGAIN
from tests.benchmarks.loop.public.drawn_large import DRAWN_LARGE
from tests.benchmarks.loop.public.drawn_longer import DRAWN_LONGER
from tests.benchmarks.loop.public.events import EVENTS
from tests.benchmarks.loop.public.far_forecasts import FAR_FORECASTS
from tests.benchmarks.loop.public.forecasts import FORECASTS
from tests.benchmarks.loop.public.long_forecasts import LONG_FORECASTS
from tests.benchmarks.loop.public.next_outcomes import NEXT_OUTCOMES
from tests.benchmarks.loop.public.outcomes import OUTCOMES
from tests.benchmarks.loop.public.places import PLACES
from tests.benchmarks.loop.public.prices import PRICES
from tests.benchmarks.loop.public.quantities import QUANTITIES
from tests.benchmarks.loop.public.quick_forecasts import QUICK_FORECASTS
from tests.benchmarks.loop.public.relations import RELATIONS
from tests.benchmarks.loop.public.slow_forecasts import SLOW_FORECASTS
from tests.benchmarks.loop.public.tables import TABLES

if TYPE_CHECKING:
    from tests.benchmarks.loop.public.cutting import Public
    from tests.benchmarks.loop.series import Series

_EARLIER = (TABLES, OUTCOMES, NEXT_OUTCOMES, AMOUNTS, DRAWN, FORECASTS, SLOW_FORECASTS)
_LATER = (EVENTS, PLACES, PRICES, QUICK_FORECASTS, DRAWN_LARGE)
_LATEST = (
    *(CHOICES, QUANTITIES, LONG_FORECASTS, DRAWN_LONGER),
    *(CAUSES, RELATIONS, FAR_FORECASTS, DRAWN_AGAIN),
)
MEASURED_BY_CRITERION = frozenset(public.name for public in chain(*_LATER, *_LATEST))
"""Series that came after the criterion was written down. The others are older, and some of them are
too small to say much."""
MEASURED_WHERE_QUIET = frozenset(public.name for public in chain(*_LATEST))
"""Series that came after its clause about worlds in which nothing drifts."""
PUBLIC = {public.name: public for public in chain(*_EARLIER, *_LATER, *_LATEST)}
"""They never include those that others keep to judge the loop by: a half-hourly market price,
hourly bike rentals, hourly road traffic, household power."""

FEW = (
    *("pedestrians_auckland", "retail_bulk", "retail_shuffled", "hurricanes", "stocks_moving"),
    *("visits_quiet", "victoria_demand", "melbourne_temperature", "co2_mauna_loa", "sunspots"),
    "bank_calls",
)
"""Of the series that may be looked at those that a quick run has the time for."""


def load_public(public: Public, *, quick: bool) -> Series:
    """Load a table and cut it, with ``quick`` only its first periods.

    Raises
    ------
    ValueError
        If it is held to the criterion and falls short of it.
    """
    series = series_of(public, quick=quick)
    if public.name in MEASURED_BY_CRITERION:
        known = KNOWN_WHERE_QUIET if public.name in MEASURED_WHERE_QUIET else KNOWN
        if lacks := shortcomings(series, known_where_quiet=known):
            raise ValueError(f"{public.name} cannot show a difference of two per cent: {lacks}")
    return series
