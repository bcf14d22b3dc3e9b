"""One rule turns probabilities into classes, and a tie has one outcome."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.bundle.labels import choose_class, choose_classes, near_tie


def test_the_largest_probability_decides_and_the_first_of_equal_ones() -> None:
    scores = np.array([[0.2, 0.8], [0.8, 0.2], [0.5, 0.5], [0.3, 0.3]])
    assert choose_classes(scores).tolist() == [1, 0, 0, 0]
    assert near_tie(scores).tolist() == [False, False, True, True]


@pytest.mark.parametrize("rounding", [0.0, 3e-8, -3e-8])
def test_rounding_at_32_bits_decides_no_tie(rounding: float) -> None:
    assert choose_classes(np.array([[0.5 - rounding, 0.5 + rounding]])).tolist() == [0]
    assert choose_classes(np.array([[0.4, 0.3 - rounding, 0.3]])).tolist() == [0]
    assert choose_classes(np.array([[0.1, 0.7 - rounding]]), 0.7).tolist() == [1]


def test_a_threshold_is_reached_by_the_second_class() -> None:
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]])
    assert choose_classes(scores, 0.2).tolist() == [0, 1, 1]
    assert near_tie(scores, 0.2).tolist() == [False, True, False]


@given(
    st.lists(st.sampled_from([0.0, 0.3, 0.3 - 3e-8, 0.5, 0.5 + 3e-8, 1.0]), min_size=2, max_size=4),
    st.sampled_from([None, 0.3, 0.5]),
)
def test_one_row_is_chosen_as_many_are(row: list[float], threshold: float | None) -> None:
    limit = threshold if len(row) == 2 else None
    assert [choose_class(row, limit)] == choose_classes(np.array([row]), limit).tolist()
