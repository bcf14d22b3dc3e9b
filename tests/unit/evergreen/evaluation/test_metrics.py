from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from evergreen.evaluation.metrics import (
    block_length,
    classification_scores,
    f1_score,
    rmse,
    scaled_error,
)
from evergreen.model_definition import Feature, Forecast, ModelDefinition
from tests.support.made_up_predictions import labels

SERIES = ModelDefinition(
    name="riders",
    task="time_series",
    target="riders",
    features={"last_week": Feature(type="float")},
    forecast=Forecast(horizon=7, seasonal_naive="last_week"),
)
REGRESSION = SERIES.model_copy(update={"task": "regression", "forecast": None})

PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1)


@given(PAIRS)
def test_macro_f1_is_scikit_learns(pairs: list[tuple[Any, Any]]) -> None:
    ground_truth, predicted = map(labels, zip(*pairs, strict=True))
    expected = metrics.f1_score(
        ground_truth, predicted, labels=list("abc"), average="macro", zero_division=0
    )
    assert f1_score(ground_truth, predicted, "abc") == pytest.approx(expected)


@given(st.lists(st.tuples(st.sampled_from("01"), st.sampled_from("01")), min_size=1))
def test_binary_f1_is_that_of_the_last_class(pairs: list[tuple[Any, Any]]) -> None:
    ground_truth, predicted = map(labels, zip(*pairs, strict=True))
    expected = metrics.f1_score(
        ground_truth, predicted, pos_label="1", zero_division=0, labels=["0", "1"]
    )
    assert f1_score(ground_truth, predicted, ["0", "1"]) == pytest.approx(expected)


def test_a_holdout_of_one_class_is_still_scored_on_the_positive_one() -> None:
    assert f1_score(labels(["0", "0"]), labels(["0", "0"]), ["0", "1"]) == 0
    assert f1_score(labels(["0", "0"]), labels(["0", "0"]), ["0"]) == 1


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1))
def test_rmse_is_scikit_learns(pairs: list[tuple[Any, Any]]) -> None:
    ground_truth, predicted = np.array(pairs).T
    assert rmse(ground_truth, predicted) == pytest.approx(
        metrics.root_mean_squared_error(ground_truth, predicted)
    )


def test_a_block_is_a_horizon_or_a_cube_root_and_at_most_half() -> None:
    lengths = {rows: block_length(SERIES, rows) for rows in (1, 10, 180, 1000, 8000)}
    assert lengths == {1: 1, 10: 5, 180: 7, 1000: 10, 8000: 20}
    assert block_length(REGRESSION, 8000) == 1


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
def test_both_are_scikit_learns(seed: int, count: int, digits: int) -> None:
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


def test_the_naive_forecast_itself_has_a_scaled_error_of_its_error_over_that_in_training() -> None:
    ground_truth, naive = np.array([10.0, 14.0, 11.0]), np.array([11.0, 11.0, 11.0])
    known, knew = np.array([3.0, 6.0]), np.array([1.0, 2.0])  # off by 2 and 4: 3 in the mean
    score = scaled_error(ground_truth, naive, trained_ground_truth=known, trained_naive=knew)
    assert score == pytest.approx(4 / 3 / 3)


def test_without_a_scale_there_is_no_scaled_error() -> None:
    ground_truth = np.array([1.0, 2.0])
    assert (
        scaled_error(
            ground_truth,
            ground_truth + 1,
            trained_ground_truth=ground_truth,
            trained_naive=ground_truth,
        )
        is None
    )
