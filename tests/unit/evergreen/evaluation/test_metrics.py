from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from evergreen.evaluation.measure import F1
from evergreen.evaluation.metrics import (
    block_length,
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
    assert F1.score(ground_truth, predicted, "abc") == pytest.approx(expected)


@given(st.lists(st.tuples(st.sampled_from("01"), st.sampled_from("01")), min_size=1))
def test_binary_f1_is_that_of_the_last_class(pairs: list[tuple[Any, Any]]) -> None:
    ground_truth, predicted = map(labels, zip(*pairs, strict=True))
    expected = metrics.f1_score(
        ground_truth, predicted, pos_label="1", zero_division=0, labels=["0", "1"]
    )
    assert F1.score(ground_truth, predicted, ["0", "1"]) == pytest.approx(expected)


def test_a_holdout_of_one_class_is_still_scored_on_the_positive_one() -> None:
    assert F1.score(labels(["0", "0"]), labels(["0", "0"]), ["0", "1"]) == 0
    assert F1.score(labels(["0", "0"]), labels(["0", "0"]), ["0"]) == 1


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
