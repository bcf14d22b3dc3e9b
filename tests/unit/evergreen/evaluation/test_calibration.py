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
def test_the_points_of_the_curve_ascend_within_what_was_predicted(
    rows: list[tuple[float, bool]],
) -> None:
    said = np.array([probability for probability, _ in rows])
    came = np.array([true for _, true in rows])
    ground_truth = labels(np.where(came, "1", "0"))
    curve = reliability(ground_truth, ground_truth, np.stack([1 - said, said], axis=1), ["0", "1"])
    assert 1 <= curve.mean_predicted.size == curve.share_true.size <= BINS
    assert (np.diff(curve.mean_predicted) > 0).all()
    assert said.min() - 1e-12 <= curve.mean_predicted[0]
    assert curve.mean_predicted[-1] <= said.max() + 1e-12
    assert ((curve.share_true >= 0) & (curve.share_true <= 1)).all()


def test_each_bin_holds_a_tenth_of_the_rows() -> None:
    random = np.random.default_rng(2)
    said, came = random.random(200), random.random(200) < 0.3
    ground_truth = labels(np.where(came, "1", "0"))
    curve = reliability(ground_truth, ground_truth, np.stack([1 - said, said], axis=1), ["0", "1"])
    tenths = np.argsort(said).reshape(BINS, -1)
    assert curve.mean_predicted == pytest.approx(said[tenths].mean(axis=1))
    assert curve.share_true == pytest.approx(came[tenths].mean(axis=1))


def test_a_probability_that_rounding_took_over_one_is_one() -> None:
    over = np.array([[0.0, 1 + 1e-7], [1.0, 0.0]])
    curve = reliability(labels(["b", "a"]), labels(["b", "a"]), over, ["a", "b"])
    assert curve.mean_predicted.tolist() == curve.share_true.tolist() == [0, 1]
