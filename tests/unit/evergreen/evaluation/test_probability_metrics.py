from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from evergreen.evaluation.probability_metrics import classification_scores
from tests.support.made_up_predictions import labels


def test_the_area_is_the_share_of_pairs_in_the_right_order() -> None:
    random = np.random.default_rng(1)
    ground_truth = random.random(60) < 0.4
    late = random.random(60).round(1)  # rounded: ties count half
    scores = classification_scores(
        labels(np.where(ground_truth, "1", "0")), np.stack([1 - late, late], axis=1), ["0", "1"]
    )
    pairs = late[ground_truth][:, np.newaxis] - late[~ground_truth]
    assert scores["auc"] == pytest.approx(np.mean((pairs > 0) + 0.5 * (pairs == 0)))


def test_the_log_loss_is_that_of_the_true_class() -> None:
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]])
    scores = classification_scores(labels(["a", "b", "a"]), probabilities, ["a", "b"])
    assert scores["log_loss"] == pytest.approx(-np.log([0.9, 0.6, 0.5]).mean())


def test_the_order_of_the_classes_changes_nothing() -> None:
    random = np.random.default_rng(2)
    probabilities = random.dirichlet([1, 1, 1], 30)
    ground_truth = labels(random.choice(["x", "y", "z"], 30))
    first = classification_scores(ground_truth, probabilities, ["x", "y", "z"])
    second = classification_scores(ground_truth, probabilities[:, [2, 0, 1]], ["z", "x", "y"])
    assert set(first) == {"auc", "log_loss"}
    assert second == pytest.approx(first)


@given(st.integers(0, 1000), st.integers(2, 4), st.integers(0, 2))
def test_both_are_what_scikit_learn_gives_for_the_names(seed: int, count: int, digits: int) -> None:
    random = np.random.default_rng(seed)
    names = ["a", "b", "c", "d"][:count]
    probabilities = random.dirichlet([0.5] * count, 40).round(digits) + 0.01
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    ground_truth = labels(names * 2 + random.choice(names, 40 - 2 * count).tolist())
    scores = classification_scores(ground_truth, probabilities, names)
    text = ground_truth.astype(str)
    assert scores["log_loss"] == pytest.approx(
        metrics.log_loss(text, probabilities, labels=names), rel=1e-6
    )
    given_by = (
        metrics.roc_auc_score(text == "b", probabilities[:, 1])
        if count == 2
        else metrics.roc_auc_score(text, probabilities, labels=names, multi_class="ovr")
    )
    assert scores["auc"] == pytest.approx(given_by)


@pytest.mark.parametrize(
    ("ground_truth", "classes", "known"),
    [
        (["0", "0"], ["0", "1"], {"log_loss"}),
        (["0", "2"], ["0", "1"], set()),
        (["0", "0"], ["0"], set()),
    ],
)
def test_what_these_rows_do_not_define_is_left_out(
    ground_truth: list[str], classes: list[str], known: set[str]
) -> None:
    probabilities = np.full((2, len(classes)), 1 / len(classes))
    assert set(classification_scores(labels(ground_truth), probabilities, classes)) == known
