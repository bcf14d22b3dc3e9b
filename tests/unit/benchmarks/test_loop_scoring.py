"""The metric from its sums, and noise from blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from tests.benchmarks.loop.scoring import Difference, difference, gain, score, sums_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_f1_is_that_of_scikit_learn(pairs: list[tuple[bool, bool]]) -> None:
    ground_truth, answers = np.array(pairs).T
    expected = f1_score(ground_truth, answers, zero_division=0.0) if ground_truth.any() else None
    found = score(
        "f1", sums_of("f1", ground_truth.astype(str).astype(object), _texts(answers)).sum(axis=0)
    )
    if expected is not None:
        assert found == pytest.approx(expected)


def test_rmse_is_the_root_of_the_mean_square() -> None:
    ground_truth, answers = np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 0.0])
    found = score("rmse", sums_of("rmse", ground_truth, answers).sum(axis=0))
    assert found == pytest.approx(np.sqrt(13 / 3))


def test_a_gain_is_positive_where_the_metric_is_better() -> None:
    less, more = np.array(1.0), np.array(2.0)
    assert gain("f1", more, less) > 0
    assert gain("rmse", less, more) > 0


def test_a_policy_differs_from_itself_by_nothing() -> None:
    sums = np.column_stack([np.arange(50.0), np.ones(50)])
    assert difference("rmse", sums, sums, np.arange(50)) == Difference(0.0, 0.0, 0.0)


def test_what_is_worse_on_every_day_is_not_noise() -> None:
    random = np.random.default_rng(0)
    theirs = np.column_stack([random.uniform(1, 2, 400), np.ones(400)])
    ours = theirs + np.array([0.5, 0.0])
    found = difference("rmse", ours, theirs, np.arange(400) // 10)
    assert found.high < 0
    assert not found.within_noise


def test_rows_of_one_block_are_drawn_together() -> None:
    random = np.random.default_rng(1)
    by_block = np.repeat(random.normal(size=20) * 0.3, 50)
    theirs = np.column_stack([np.full(1000, 2.0), np.ones(1000)])
    ours = theirs + np.column_stack([by_block, np.zeros(1000)])
    blocks = difference("rmse", ours, theirs, np.arange(1000) // 50)
    rows = difference("rmse", ours, theirs, np.arange(1000))
    assert blocks.value == pytest.approx(rows.value)
    assert blocks.high - blocks.low > 3 * (rows.high - rows.low)


def _texts(flags: NDArray[np.bool_]) -> NDArray[np.object_]:
    return flags.astype(str).astype(object)
