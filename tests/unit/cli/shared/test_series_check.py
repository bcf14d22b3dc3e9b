"""What comes twice and what is missing is judged in each series, and the worst is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from cli.shared.series_check import find_series_faults, naive_forecasts, series_notes
from evergreen.model_definition import ModelDefinition

DEFINITION = ModelDefinition.model_validate(
    {
        "name": "shops",
        "task": "time_series",
        "target": "sales",
        "forecast": {"horizon": 3, "seasonal_naive": "before", "series": "store"},
        "features": {"before": {"type": "float"}, "store": {"type": "category"}},
    }
)


def table(days: dict[str, list[int]]) -> pa.Table:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        {"timestamp": start + timedelta(days=day), "store": store, "before": 5.0, "sales": 7.0}
        for store, found in days.items()
        for day in found
    ]
    return pa.Table.from_pylist(rows)


def test_whole_series_have_no_faults_whenever_they_begin_and_end() -> None:
    rows = table({"a": [*range(30)], "b": [*range(10, 20)]})
    assert find_series_faults(DEFINITION, rows) == []
    assert find_series_faults(DEFINITION, rows.slice(0, 1)) == []


def test_rows_that_come_twice_and_steps_that_are_missing_are_told_by_series() -> None:
    rows = table({"a": [*range(30), 4, 5], "b": [*range(10), *range(20, 30)], "c": [1, 2, 3]})
    twice, missing = find_series_faults(DEFINITION, rows)
    assert "2 rows have series and time of another row (a: 2)" in twice
    assert "more than three steps of a series are missing at 1 places (b: 1)" in missing
    forecast = DEFINITION.forecast
    assert forecast is not None
    without = forecast.model_copy(update={"series": None})
    alone = DEFINITION.model_copy(update={"forecast": without})
    # Without a feature that tells them, the stores are taken for one series.
    assert "25 rows have series and time" in find_series_faults(alone, rows)[0]


def test_each_series_is_noted_beside_its_naive_forecast() -> None:
    rows = table({"a": [*range(30)], "b": [*range(30)]})
    truth = rows["sales"].to_numpy()
    said = truth + np.where(np.arange(60) < 30, 1.0, 4.0)
    assert series_notes(DEFINITION, rows, truth, said) == [
        "store: the seasonal naive forecast is better for 1 of 2",
        "  b: rmse 4, 2 by the seasonal naive forecast (30 rows)",
        "  a: rmse 1, 2 by the seasonal naive forecast (30 rows)",
    ]
    (naive,) = naive_forecasts(DEFINITION, rows).values()
    assert naive.tolist() == [5.0] * 60
