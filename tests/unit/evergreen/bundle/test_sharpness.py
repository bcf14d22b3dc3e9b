"""One number that makes a fit's confidences as sure as another's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.bundle.sharpness import Sharpness, share_on_new_rows, sharpness_between


@given(st.integers(2, 5), st.floats(0.3, 3))
def test_it_finds_the_number_that_was_used(classes: int, factor: float) -> None:
    confidences = np.linspace(1 / classes + 0.01, 0.95, 40)
    other = Sharpness(factor, classes).of(confidences)
    found = sharpness_between(confidences, other, classes)
    assert found.factor == pytest.approx(factor, rel=1e-6)
    assert found.of(other).mean() == pytest.approx(
        Sharpness(factor, classes).of(other).mean(), rel=1e-6
    )


@given(
    st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=9),
    st.floats(0.1, 10),
)
def test_the_probabilities_of_a_row_sum_to_one(rows: list[list[float]], factor: float) -> None:
    shares = np.array(rows) + 1e-9
    shares /= shares.sum(axis=1, keepdims=True)
    found = Sharpness(factor, 3).of_shares(shares)
    assert found.sum(axis=1) == pytest.approx(1)
    assert ((found >= 0) & (found <= 1)).all()


def test_confidences_that_cannot_change_have_the_least() -> None:
    sure = np.ones(5)
    assert sharpness_between(sure, sure, 2).of(sure) == pytest.approx(sure)
    assert Sharpness(2.0, 2).of(np.array([0.0, 0.5, 1.0])) == pytest.approx([0.0, 0.5, 1.0])


def test_of_what_is_learnt_by_heart_only_a_part_shows_on_new_rows() -> None:
    assert share_on_new_rows(0.95, 0.8, 0.7) == pytest.approx(0.4)
    assert share_on_new_rows(0.71, 0.7, 0.7) == 1  # nothing is learnt by heart
    assert share_on_new_rows(0.9, 0.6, 0.7) == 0  # less sure than right
    confidences, other = np.linspace(0.55, 0.95, 9), np.linspace(0.6, 0.97, 9)
    whole, half = (
        sharpness_between(confidences, other, 2, share=share).factor for share in (1.0, 0.5)
    )
    assert half == pytest.approx(whole**0.5)
