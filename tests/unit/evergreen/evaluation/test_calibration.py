from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.evaluation.calibration import BINS, reliability
from tests.support.holdout_answers import labels


def test_what_is_said_honestly_comes_true_as_often() -> None:
    random = np.random.default_rng(1)
    said = random.random(40_000)
    truth = labels(np.where(random.random(40_000) < said, "late", "in time"))
    both = np.stack([1 - said, said], axis=1)
    curve = reliability(truth, truth, both, ["in time", "late"])
    assert curve.about == "the probability of late"
    assert curve.said.size == BINS
    # Four standard errors of a share of 4,000 rows.
    assert curve.came_true == pytest.approx(curve.said, abs=4 * 0.5 / np.sqrt(4000))


def test_of_many_classes_it_is_about_the_one_that_was_said() -> None:
    said = np.array([[0.6, 0.2, 0.2], [0.1, 0.8, 0.1]] * 50)
    curve = reliability(labels(["a", "c"] * 50), labels(["a", "b"] * 50), said, ["a", "b", "c"])
    assert curve.about == "the probability of the class that was said"
    assert curve.said == pytest.approx([0.6, 0.8])
    assert curve.came_true == pytest.approx([1, 0])


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_each_row_is_in_one_bin(rows: list[tuple[float, bool]]) -> None:
    said = np.array([probability for probability, _ in rows])
    came = np.array([true for _, true in rows])
    truth = labels(np.where(came, "1", "0"))
    curve = reliability(truth, truth, np.stack([1 - said, said], axis=1), ["0", "1"])
    assert curve.rows.sum() == len(rows)
    assert (curve.rows @ curve.came_true) == pytest.approx(came.sum())
    assert (curve.rows @ curve.said) == pytest.approx(said.sum(), abs=1e-9)
    assert (np.diff(curve.said) > 0).all()
