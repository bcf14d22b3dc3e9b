from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.evaluation.pooling import pooled_probability, standardized_improvement

CERTAIN = 8.0


def test_the_improvement_is_measured_in_standard_errors() -> None:
    draws = np.random.default_rng(0).normal(0.3, 0.1, 10_000)
    assert standardized_improvement(draws) == pytest.approx(3, abs=0.1)
    assert standardized_improvement(draws, asked_for=0.2) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("improvement", "asked_for", "expected"),
    [(0.0, 0.0, 0.0), (0.1, 0.0, CERTAIN), (-0.1, 0.0, -CERTAIN), (0.1, 0.2, -CERTAIN)],
)
def test_draws_that_all_say_the_same_are_certain_and_a_tie_says_nothing(
    improvement: float, asked_for: float, expected: float
) -> None:
    assert standardized_improvement(np.full(7, improvement), asked_for) == expected


def test_what_is_pooled_is_as_often_surely_better_as_one_piece_is() -> None:
    one, two = np.random.default_rng(1).normal(size=(2, 4000))
    said = np.array([pooled_probability(*both) for both in zip(one, two, strict=True)])
    assert np.mean(said >= 0.95) == pytest.approx(0.05, abs=0.01)
    assert np.mean(said >= 0.2) == pytest.approx(0.8, abs=0.02)


@given(st.floats(-8, 8), st.floats(-8, 8))
def test_two_pieces_that_agree_say_more_and_two_that_do_not_lie_between(
    one: float, two: float
) -> None:
    found = pooled_probability(one, two)
    alone = sorted((pooled_probability(one), pooled_probability(two)))
    assert found == pooled_probability(two, one)
    if one * two < 0:
        assert alone[0] - 1e-12 <= found <= alone[1] + 1e-12
    elif min(one, two) > 0:
        assert found >= alone[0] - 1e-12
