from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.datasets.splitting import GAP, HOLDOUT, TRAIN, rows_of, split_rows
from evergreen.errors import NotEnoughDataError
from evergreen.model_definition import Evaluation, Forecast
from tests.support.fruit_rows import START, definition, table_of


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=60),
    st.floats(0.05, 0.95),
)
def test_a_recent_holdout_is_the_newest_share_and_splits_no_moment(
    minutes: list[int], fraction: float
) -> None:
    model = definition(evaluation=Evaluation(holdout_fraction=fraction))
    table = split_rows(model, table_of([(1.0, True, "red", 1, at) for at in minutes]))
    train = rows_of(table, TRAIN)["timestamp"].to_pylist()
    holdout = rows_of(table, HOLDOUT)["timestamp"].to_pylist()
    assert len(train) + len(holdout) == len(minutes)
    assert max(train, default=START - timedelta(1)) < min(holdout)
    wanted = max(round(len(minutes) * fraction), 1)
    first = min(holdout)
    assert wanted <= len(holdout) < wanted + holdout.count(first)


def test_no_rows_are_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="no row to split"):
        split_rows(definition(), table_of([(1.0, True, "red", 1, 0)]).slice(1))


def test_however_long_nothing_was_promoted_what_is_held_out_stays_recent() -> None:
    model = definition(evaluation=Evaluation(max_holdout_rows=20))
    table = split_rows(model, table_of([(1.0, True, "red", 1, at) for at in range(60)]))
    assert rows_of(table, HOLDOUT).num_rows == 20
    newest_trained = max(rows_of(table, TRAIN)["timestamp"].to_pylist())
    assert newest_trained == START + timedelta(minutes=39)


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=60, unique=True),
    st.integers(1, 9),
    st.integers(-1, 25),
)
def test_a_time_series_is_judged_after_what_it_learnt_with_a_gap_of_a_horizon(
    minutes: list[int], horizon: int, newest: int
) -> None:
    model = definition(
        task="time_series", forecast=Forecast(horizon=horizon, seasonal_naive="size")
    )
    after = START + timedelta(minutes=newest)
    rows = table_of([(1.0, True, "red", 1, at) for at in minutes])
    table = split_rows(model, rows, newer_than=after)
    train, gap, holdout = (
        rows_of(table, name)["timestamp"].to_pylist() for name in (TRAIN, GAP, HOLDOUT)
    )
    assert sorted(train + gap + holdout) == sorted(rows["timestamp"].to_pylist())
    assert all(moment > after for moment in holdout)
    if holdout:
        assert len(gap) == min(horizon - 1, len(minutes) - len(holdout))
        assert max(train + gap, default=START - timedelta(1)) < min(holdout)
        assert max(train, default=START - timedelta(1)) < min(gap + holdout)
    else:
        assert not gap
        assert max(rows["timestamp"].to_pylist()) <= after


def test_a_random_holdout_has_the_share_asked_for_and_is_the_same_each_time() -> None:
    model = definition(evaluation=Evaluation(holdout="random", holdout_fraction=0.25))
    table = table_of([(float(at), True, "red", 1, at) for at in range(40)])
    split = split_rows(model, table)
    assert rows_of(split, HOLDOUT).num_rows == 10
    assert split.equals(split_rows(model, table))
    assert max(rows_of(split, TRAIN)["timestamp"].to_pylist()) > min(
        rows_of(split, HOLDOUT)["timestamp"].to_pylist()
    )
