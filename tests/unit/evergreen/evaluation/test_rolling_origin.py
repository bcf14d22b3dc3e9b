from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.evaluation.metrics import rmse
from evergreen.evaluation.rolling_origin import (
    MAX_WINDOWS,
    evaluate_rolling_origin,
    forecast_scores,
    windows,
)
from evergreen.model_definition import Feature, Forecast, ModelDefinition

START = datetime(2026, 1, 1, tzinfo=UTC)
HORIZON = 7
SERIES = ModelDefinition(
    name="riders",
    task="time_series",
    target="riders",
    features={"last_week": Feature(type="float")},
    forecast=Forecast(horizon=HORIZON, seasonal_naive="last_week"),
)


def rows_of(last_week: Any, riders: Any) -> pa.Table:
    times = [START + timedelta(days=day) for day in range(len(riders))]
    return pa.table(
        {
            "last_week": pa.array(last_week, pa.float64()),
            "riders": pa.array(riders, pa.float64()),
            "timestamp": pa.array(times, pa.timestamp("us", tz="UTC")),
        }
    )


@given(st.integers(1, 400))
def test_windows_follow_one_another_and_none_is_shorter_than_a_horizon(rows: int) -> None:
    parts = windows(SERIES, rows)
    covered = [row for part in parts for row in range(part.start, part.stop)]
    assert covered == list(range(rows))
    assert len(parts) <= MAX_WINDOWS
    assert min(part.stop - part.start for part in parts) >= min(HORIZON, rows)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60))
def test_windows_together_are_the_whole(errors: list[float]) -> None:
    ground_truth = np.zeros(len(errors))
    champion, challenger = np.array(errors), np.ones(len(errors))
    found = evaluate_rolling_origin(
        SERIES,
        rows_of(errors, ground_truth),
        ground_truth,
        champion=champion,
        challenger=challenger,
    )
    assert sum(window.rows for window in found) == len(errors)
    squares = [(window.champion or 0.0) ** 2 for window in found]
    whole = np.sqrt(np.average(squares, weights=[window.rows for window in found]))
    assert whole == pytest.approx(rmse(ground_truth, champion))
    assert {window.challenger for window in found} == {1.0}


def test_both_are_judged_from_the_same_origins_in_their_order() -> None:
    ground_truth = np.arange(28.0)
    late = np.where(
        np.arange(28) >= 21, ground_truth + 4, ground_truth
    )  # wrong in the last week only
    found = evaluate_rolling_origin(
        SERIES,
        rows_of(ground_truth + 1, ground_truth),
        ground_truth,
        champion=ground_truth + 2,
        challenger=late,
    )
    assert [window.challenger for window in found] == [0, 0, 0, 4]
    assert {window.champion for window in found} == {2}
    assert {window.seasonal_naive for window in found} == {1}
    assert found[0].first_origin == START
    assert found[0].last_origin == START + timedelta(days=6)
    assert found[3].last_origin == START + timedelta(days=27)
    alone = evaluate_rolling_origin(
        SERIES, rows_of(ground_truth, ground_truth), ground_truth, champion=None, challenger=late
    )
    assert {window.champion for window in alone} == {None}


def test_the_scores_of_a_forecast() -> None:
    ground_truth, naive = np.array([10.0, 14.0, 11.0]), np.array([11.0, 11.0, 11.0])
    training = rows_of([1.0, 2.0], [3.0, 6.0])  # off by 2 and 4: 3 in the mean
    scores = forecast_scores(SERIES, ground_truth, naive, rows_of(naive, ground_truth), training)
    assert scores == {
        "rmse_seasonal_naive": pytest.approx(np.sqrt(10 / 3)),
        "rmse_worst_window": pytest.approx(np.sqrt(10 / 3)),
        "mase": pytest.approx(4 / 3 / 3),
    }


def test_without_rows_of_training_there_is_no_scale() -> None:
    ground_truth = np.array([1.0, 2.0])
    assert "mase" not in forecast_scores(
        SERIES, ground_truth, ground_truth + 1, rows_of(ground_truth, ground_truth), None
    )
