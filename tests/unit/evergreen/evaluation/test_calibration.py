from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.evaluation.calibration import BINS, reliability
from tests.support.made_up_predictions import labels


def test_what_is_said_honestly_comes_true_as_often() -> None:
    random = np.random.default_rng(1)
    said = random.random(40_000)
    ground_truth = labels(np.where(random.random(40_000) < said, "late", "in time"))
    both = np.stack([1 - said, said], axis=1)
    curve = reliability(ground_truth, ground_truth, both, ["in time", "late"])
    assert curve.about == "the probability of late"
    assert curve.mean_predicted.size == BINS
    # Four standard errors of a share of 4,000 rows.
    assert curve.share_true == pytest.approx(curve.mean_predicted, abs=4 * 0.5 / np.sqrt(4000))


def test_of_many_classes_it_is_about_the_one_that_was_said() -> None:
    said = np.array([[0.6, 0.2, 0.2], [0.1, 0.8, 0.1]] * 50)
    curve = reliability(labels(["a", "c"] * 50), labels(["a", "b"] * 50), said, ["a", "b", "c"])
    assert curve.about == "the probability of the class that was said"
    assert curve.mean_predicted == pytest.approx([0.6, 0.8])
    assert curve.share_true == pytest.approx([1, 0])


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_each_row_is_in_one_bin(rows: list[tuple[float, bool]]) -> None:
    said = np.array([probability for probability, _ in rows])
    came = np.array([true for _, true in rows])
    ground_truth = labels(np.where(came, "1", "0"))
    curve = reliability(ground_truth, ground_truth, np.stack([1 - said, said], axis=1), ["0", "1"])
    assert curve.rows.sum() == len(rows)
    assert (curve.rows @ curve.share_true) == pytest.approx(came.sum())
    assert (curve.rows @ curve.mean_predicted) == pytest.approx(said.sum(), abs=1e-9)
    assert (np.diff(curve.mean_predicted) > 0).all()
