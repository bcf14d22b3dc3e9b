"""Each series is held against its own naive forecast, and the worst is named first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from evergreen.evaluation.metrics import block_length, rows_alike, scaled_error
from evergreen.evaluation.rolling_origin import forecast_scores, windows
from evergreen.evaluation.series_scores import score_series
from evergreen.model_definition import ModelDefinition

DEFINITION = ModelDefinition.model_validate(
    {
        "name": "shops",
        "task": "time_series",
        "target": "sales",
        "forecast": {"horizon": "ahead", "seasonal_naive": "before", "series": "store"},
        "features": {
            "before": {"type": "float"},
            "store": {"type": "category"},
            "ahead": {"type": "integer", "min": 1, "max": 7},
        },
        "evaluation": {"metric": "mae"},
    }
)


def table(steps: int = 20) -> pa.Table:
    """Return rows of a large store, a small one and a tiny one, 1 and 7 steps ahead."""
    rows: list[dict[str, Any]] = [
        {
            "timestamp": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=step),
            "store": store,
            "ahead": float(ahead),
            "sales": level + step,
            "before": level + step - wrong,
        }
        for step in range(steps)
        for store, level, wrong in (("large", 1000.0, 100.0), ("small", 10.0, 2.0), ("tiny", 1, 1))
        for ahead in (1, 7)
    ]
    return pa.Table.from_pylist(rows)


def test_the_worst_series_is_worst_against_its_own_naive_forecast() -> None:
    rows = table()
    truth = rows["sales"].to_numpy()
    error = {"large": 50.0, "small": 4.0, "tiny": 0.5}
    said = truth + np.array([error[name] for name in rows["store"].to_pylist()])
    scores = score_series(DEFINITION, rows, truth, champion=None, challenger=said)
    assert [(score.feature, score.value) for score in scores] == [
        *(("store", name) for name in ("small", "large", "tiny")),
        *(("ahead", "1"), ("ahead", "7")),
    ]
    first = scores[0]
    assert (first.challenger, first.seasonal_naive, first.rows) == (4.0, 2.0, 40)
    assert [score.is_worse for score in scores] == [True, False, False, False, False]
    beside = forecast_scores(DEFINITION, truth, said, rows, rows)
    assert beside["series_worse_than_naive"] == pytest.approx(1 / 3)
    # Each series has its own scale: 50 of 100, 4 of 2 and a half of 1.
    assert beside["mase"] == pytest.approx((0.5 + 2 + 0.5) / 3)


def test_a_series_without_a_scale_is_left_out_of_the_scaled_error() -> None:
    ones = np.ones(2)
    known = (np.array(["a", "b"]), np.array(["a", "a"]))
    sides = {"trained_ground_truth": ones * 2, "trained_naive": ones}
    assert scaled_error(np.array([4.0, 99.0]), ones, **sides, series=known) == 3.0
    strange = (np.array(["c", "c"]), known[1])
    assert scaled_error(ones, ones, **sides, series=strange) is None


def test_blocks_and_windows_keep_the_rows_of_a_step_together() -> None:
    assert block_length(DEFINITION, 6000, 6) == 6 * 10
    assert block_length(DEFINITION, 60, 6) == 30
    parts = windows(DEFINITION, 6 * 20, 6)
    assert [(part.start, part.stop) for part in parts] == [(0, 60), (60, 120)]
    assert windows(DEFINITION, 4, 6) == [slice(0, 4)]


def test_rows_of_a_step_count_as_one_as_far_as_they_are_alike() -> None:
    random = np.random.default_rng(0)
    own, common = random.normal(size=(1, 600)), np.repeat(random.normal(size=(1, 100)), 6, axis=1)
    assert rows_alike(own, 6) == pytest.approx(1, abs=0.4)
    assert rows_alike(common, 6) == pytest.approx(6)
    assert 2 < rows_alike(own + common, 6) < 5
    assert rows_alike(common, 1) == 1
    assert rows_alike(np.ones((2, 12)), 6) == 1


def test_a_model_of_one_series_and_horizon_has_no_parts() -> None:
    forecast = DEFINITION.forecast
    assert forecast is not None
    alone = forecast.model_copy(update={"series": None, "horizon": 7})
    one = DEFINITION.model_copy(update={"forecast": alone})
    truth = table()["sales"].to_numpy()
    assert score_series(one, table(), truth, champion=truth, challenger=truth) == ()
    assert "series_worse_than_naive" not in forecast_scores(one, truth, truth, table(), None)
