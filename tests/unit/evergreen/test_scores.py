from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from evergreen.model_definition import Feature, Forecast, ModelDefinition
from evergreen.scores import classification_scores, number_scores, window_rmse

SERIES = ModelDefinition(
    name="riders",
    task="time_series",
    target="riders",
    features={"last_week": Feature(type="float")},
    forecast=Forecast(horizon=7, seasonal_naive="last_week"),
)


def labels(values: Any) -> Any:
    return np.array(values, dtype=object)


def test_the_area_is_the_share_of_pairs_in_the_right_order() -> None:
    random = np.random.default_rng(1)
    truth = random.random(60) < 0.4
    late = random.random(60).round(1)  # rounded: ties count half
    scores = classification_scores(
        labels(np.where(truth, "1", "0")), np.stack([1 - late, late], axis=1), ["0", "1"]
    )
    pairs = late[truth][:, np.newaxis] - late[~truth]
    assert scores["auc"] == pytest.approx(np.mean((pairs > 0) + 0.5 * (pairs == 0)))


def test_the_log_loss_is_that_of_the_true_class() -> None:
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]])
    scores = classification_scores(labels(["a", "b", "a"]), probabilities, ["a", "b"])
    assert scores["log_loss"] == pytest.approx(-np.log([0.9, 0.6, 0.5]).mean())


def test_the_order_of_the_classes_changes_nothing() -> None:
    random = np.random.default_rng(2)
    probabilities = random.dirichlet([1, 1, 1], 30)
    truth = labels(random.choice(["x", "y", "z"], 30))
    first = classification_scores(truth, probabilities, ["x", "y", "z"])
    second = classification_scores(truth, probabilities[:, [2, 0, 1]], ["z", "x", "y"])
    assert set(first) == {"auc", "log_loss"}
    assert second == pytest.approx(first)


@given(st.integers(0, 1000), st.integers(2, 4), st.integers(0, 2))
def test_both_are_scikit_learns(seed: int, count: int, digits: int) -> None:
    random = np.random.default_rng(seed)
    names = ["a", "b", "c", "d"][:count]
    probabilities = random.dirichlet([0.5] * count, 40).round(digits) + 0.01
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    truth = labels(names * 2 + random.choice(names, 40 - 2 * count).tolist())
    scores = classification_scores(truth, probabilities, names)
    text = truth.astype(str)
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
    ("truth", "classes", "known"),
    [
        (["0", "0"], ["0", "1"], {"log_loss"}),
        (["0", "2"], ["0", "1"], set()),
        (["0", "0"], ["0"], set()),
    ],
)
def test_what_these_rows_do_not_define_is_left_out(
    truth: list[str], classes: list[str], known: set[str]
) -> None:
    probabilities = np.full((2, len(classes)), 1 / len(classes))
    assert set(classification_scores(labels(truth), probabilities, classes)) == known


def rows_of(last_week: Any, riders: Any) -> pa.Table:
    return pa.table(
        {
            "last_week": pa.array(last_week, pa.float64()),
            "riders": pa.array(riders, pa.float64()),
        }
    )


def test_the_naive_forecast_itself_has_a_scaled_error_of_its_error_over_that_in_training() -> None:
    truth, naive = np.array([10.0, 14.0, 11.0]), np.array([11.0, 11.0, 11.0])
    training = rows_of([1.0, 2.0], [3.0, 6.0])  # off by 2 and 4: 3 in the mean
    scores = number_scores(SERIES, truth, naive, rows_of(naive, truth), training)
    assert scores["mae"] == pytest.approx(4 / 3)
    assert scores["mase"] == pytest.approx(4 / 3 / 3)
    assert scores["rmse_seasonal_naive"] == pytest.approx(np.sqrt(10 / 3))


def test_without_a_scale_there_is_no_scaled_error() -> None:
    truth = np.array([1.0, 2.0])
    rows = rows_of(truth, truth)
    assert "mase" not in number_scores(SERIES, truth, truth + 1, rows, None)
    assert "mase" not in number_scores(SERIES, truth, truth + 1, rows, rows)


def test_a_regression_has_its_mean_absolute_error_only() -> None:
    values = SERIES.model_dump() | {"task": "regression", "forecast": None}
    regression = ModelDefinition.model_validate(values)
    truth = np.array([1.0, 2.0, 6.0])
    predicted = np.array([2.0, 0.0, 6.0])
    assert number_scores(regression, truth, predicted, rows_of(truth, truth), None) == {"mae": 1.0}


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40))
def test_windows_together_are_the_whole(errors: list[float]) -> None:
    truth = np.zeros(len(errors))
    windows = window_rmse(truth, np.array(errors))
    sizes = [len(part) for part in np.array_split(truth, len(windows))]
    whole = np.sqrt(np.average(np.square(windows), weights=sizes))
    assert whole == pytest.approx(np.sqrt(np.mean(np.square(errors))))
    assert max(windows) >= whole * (1 - 1e-9)
