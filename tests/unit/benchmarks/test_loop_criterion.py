"""What a series must have before it is replayed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.loop.public import catalogue
from tests.benchmarks.loop.public.catalogue import (
    MEASURED_BY_CRITERION,
    MEASURED_WHERE_QUIET,
    PUBLIC,
    load_public,
)
from tests.benchmarks.loop.public.criterion import KNOWN, shortcomings
from tests.benchmarks.loop.public.cutting import Public, series_of
from tests.benchmarks.loop.running import names_of


def made(task: str, target: list[float], every: str = "2h") -> Public:
    """Return a series whose targets repeat what is given, for two and a half years."""
    times = pd.date_range("2020-01-01", "2022-06-30", freq=every, tz="UTC").as_unit("us")
    values = pd.Series(np.resize(target, len(times)))
    if task == "classification":
        values = values.astype(np.int64)
    rows = pd.DataFrame({"timestamp": times, "other": 1.0, "value": values})
    return Public(
        *("made_up", "Nothing.", "nobody", task, "value", {"other": "float"}),
        timedelta(days=1),
        lambda: rows,
    )


@pytest.mark.parametrize(
    "public",
    [made("classification", [0, 0, 1]), made("regression", [0, 5, 1], "8h")],
    ids=["classification", "regression"],
)
def test_nothing_is_said_of_a_series_that_can_show_a_difference(public: Public) -> None:
    assert shortcomings(series_of(public, quick=False)) == []
    assert shortcomings(series_of(public, quick=True)) == []


@pytest.mark.parametrize(
    ("public", "said"),
    [
        (made("classification", [0, 1], "8h"), "rows served, of 4000"),
        (made("classification", [0, 0, 0, 0, 1]), "a class of 20%, of 25%"),
        (made("classification", [0, 1, 2]), "3 classes, of 2"),
        (made("classification", [1]), "a class of 0%, of 25%"),
        (made("regression", [0, 1], "D"), "rows served, of 1500"),
        (made("regression", [1]), "a target that is always the same"),
        (made("regression", [*[0.0, 1.0] * 500, 30.0]), "deviations from the mean, of at most 8"),
    ],
)
def test_what_a_series_lacks_is_said(public: Public, said: str) -> None:
    assert any(said in words for words in shortcomings(series_of(public, quick=False)))


def test_rows_must_be_in_most_periods_and_before_the_first() -> None:
    public = made("regression", [0, 5, 1])
    rows = public.load()
    some = rows[rows["timestamp"].dt.month.isin([1, 2, 6]) & (rows["timestamp"].dt.year > 2020)]
    thinner = pd.concat([rows.iloc[:10], some], ignore_index=True)
    lacks = shortcomings(series_of(made_of(public, thinner), quick=False))
    assert lacks[:2] == ["5 periods with rows, of 22", "10 rows for the first champion, of 300"]
    late = rows.assign(other=np.where(rows["timestamp"].dt.year > 2020, 1.0, np.nan))
    assert shortcomings(series_of(made_of(public, late), quick=False)) == [
        "no other for the first champion"
    ]


def test_only_series_that_came_later_are_held_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    small = made("regression", [0, 1], "D")
    assert len(load_public(small, quick=True).rows) < 1_500
    monkeypatch.setattr(catalogue, "MEASURED_BY_CRITERION", frozenset({"made_up"}))
    with pytest.raises(ValueError, match=r"made_up cannot show .* rows served, of 1500"):
        load_public(small, quick=True)


def test_where_nothing_drifts_the_first_champion_knows_5000_rows() -> None:
    few, many = (made("regression", [0, 5, 1], every) for every in ("2h", "30min"))
    assert shortcomings(series_of(few, quick=False)) == []
    quiet = [series_of(replace(public, quiet=True), quick=False) for public in (few, many)]
    lacks = shortcomings(quiet[0])
    assert len(lacks) == 1
    assert lacks[0].endswith("rows for the first champion, of 5000")
    assert shortcomings(quiet[1]) == []
    # Older series are not held to it.
    assert shortcomings(quiet[0], known_where_quiet=KNOWN) == []


def test_what_is_to_be_run_once_is_held_to_it() -> None:
    once = set(names_of("once"))
    assert once <= MEASURED_WHERE_QUIET < MEASURED_BY_CRITERION < set(PUBLIC)
    assert sum(PUBLIC[name].quiet for name in once) == 2


def made_of(public: Public, rows: pd.DataFrame) -> Public:
    return Public(
        *(public.name, public.about, public.source, public.task, public.target, public.features),
        public.label_delay,
        lambda: rows,
    )
