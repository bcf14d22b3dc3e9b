"""How a table becomes a series: by rules that are the same for all of them.

The first fifth of the time trains the first champion. The rest is served period by period.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evergreen.model_definition import Drift, ModelDefinition, Schedule
from tests.benchmarks.loop.public import recipe
from tests.benchmarks.loop.public.halves import half_of
from tests.benchmarks.loop.series import TIME, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_ROWS = 30_000
"""A larger table is thinned: of forecasts every second, third, ... is kept, of others a draw."""
FIRST = 0.2
"""Share of the time that is known before the first period."""
MOST_PERIODS = 120
QUICK_PERIODS = 24
SHORT = timedelta(days=548)
"""What lasts less is cut into weeks."""
WINDOW_ROWS = 400
"""A check looks back one period, or to so many rows if a period has fewer."""
UNITS = ("M", "Q", "Y")
"""Months; quarters where there are more than :data:`MOST_PERIODS` months; else years."""
_SEED = 20261


@dataclass(frozen=True, slots=True)
class Public:
    """A table of other people.

    Parameters
    ----------
    name, about
        What the page calls it, and one sentence about it.
    source
        Package, and the licence of the data.
    task, target
        What is predicted.
    features
        Type of each feature; one that ends in ``?`` may be missing.
    label_delay
        From a prediction to its outcome.
    load
        Returns features, target and ``timestamp``.
    forecast
        The section ``[forecast]``, with the horizon in rows before thinning.
    quiet
        Whether it is known that nothing drifts.
    """

    name: str
    about: str
    source: str
    task: str
    target: str
    features: Mapping[str, str]
    label_delay: timedelta
    load: Callable[[], pd.DataFrame]
    forecast: Mapping[str, Any] | None = None
    quiet: bool = False


def series_of(public: Public, *, quick: bool) -> Series:
    """Load a table and cut it; with ``quick`` only the first :data:`QUICK_PERIODS` periods."""
    rows, step = thin(public.load(), in_order=public.forecast is not None)
    bounds = bounds_of(rows[TIME])
    if quick:
        bounds = bounds[: QUICK_PERIODS + 1]
    rows = rows[rows[TIME] < pd.Timestamp(bounds[-1])].reset_index(drop=True)
    every = (bounds[-1] - bounds[0]) / (len(bounds) - 1)
    window = window_of(rows[TIME], bounds)
    return Series(
        name=public.name,
        about=f"{public.about} {public.source}.",
        definition=definition_of(public, step, every, max(window, every)),
        trainer=recipe.classify if public.task == "classification" else recipe.regress,
        rows=rows,
        bounds=bounds,
        label_delay=public.label_delay,
        window=window,
        block=max(timedelta(days=1), every / 4),
        split=half_of(public.name),
        settings="default",
        quiet=public.quiet,
    )


def definition_of(
    public: Public, step: int, every: timedelta, window: timedelta
) -> ModelDefinition:
    """Return the model: what the table is, when it is checked, and defaults for all the rest."""
    forecast = public.forecast
    if forecast is not None:
        forecast = {**forecast, "horizon": max(-(-forecast["horizon"] // step), 1)}
    definition = ModelDefinition.model_validate(
        {
            "name": public.name,
            "task": public.task,
            "target": public.target,
            "features": {
                name: {"type": kind.removesuffix("?"), "nullable": kind.endswith("?")}
                for name, kind in public.features.items()
            },
            "forecast": forecast,
        }
    )
    minutes = [timedelta(minutes=moment // timedelta(minutes=1)) for moment in (every, window)]
    schedule = Schedule(every=minutes[0], window=minutes[1])
    drift = Drift.model_validate({**definition.drift.model_dump(), "schedules": (schedule,)})
    return definition.model_copy(update={"drift": drift})


def thin(rows: pd.DataFrame, *, in_order: bool) -> tuple[pd.DataFrame, int]:
    """Return at most :data:`MOST_ROWS` rows, oldest first, and how many became one."""
    rows = rows.sort_values(TIME, kind="stable").reset_index(drop=True)
    step = -(-len(rows) // MOST_ROWS)
    if step == 1 or in_order:
        return rows.iloc[::step].reset_index(drop=True), step
    kept = np.sort(np.random.default_rng(_SEED).permutation(len(rows))[:MOST_ROWS])
    return rows.iloc[kept].reset_index(drop=True), step


def bounds_of(times: pd.Series) -> tuple[datetime, ...]:
    """Return the moments between periods, the first after :data:`FIRST` of the time."""
    first, last = times.iloc[0], times.iloc[-1]
    known = first + FIRST * (last - first)
    units = ("W",) if last - first < SHORT else UNITS
    for unit in units:
        periods = pd.period_range(known.tz_localize(None), last.tz_localize(None), freq=unit)
        if len(periods) <= MOST_PERIODS:
            break
    starts = [period.start_time for period in periods[1:]]
    return tuple(datetime(at.year, at.month, at.day, tzinfo=UTC) for at in starts)


def window_of(times: pd.Series, bounds: tuple[datetime, ...]) -> timedelta:
    """Return how far a check looks back: to :data:`WINDOW_ROWS`, in whole periods."""
    edges = pd.DatetimeIndex(bounds).as_unit("us")
    counts = np.histogram(times.astype("int64"), bins=edges.astype("int64"))[0]
    usual = max(float(np.median(counts[counts > 0])), 1.0)
    return int(np.ceil(WINDOW_ROWS / usual)) * (bounds[-1] - bounds[0]) / (len(bounds) - 1)
