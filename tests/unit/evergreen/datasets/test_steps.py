"""Steps are counted within each series, so in none is a label known too early."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evergreen.datasets.splitting import GAP, HOLDOUT, rows_of, split_rows
from evergreen.datasets.steps import (
    rows_per_step,
    series_of,
    steps_ahead,
    steps_to_end,
    track_of,
)
from evergreen.model_definition import ModelDefinition

START = datetime(2026, 1, 1, tzinfo=UTC)


def defined(horizon: int | str = 3, **forecast: Any) -> ModelDefinition:
    return ModelDefinition.model_validate(
        {
            "name": "shops",
            "task": "time_series",
            "target": "sales",
            "forecast": {"horizon": horizon, "seasonal_naive": "before", **forecast},
            "features": {
                "before": {"type": "float"},
                "store": {"type": "category"},
                "ahead": {"type": "integer", "min": 1, "max": 9},
            },
        }
    )


def rows(stores: list[str], days: list[int], ahead: list[int] | None = None) -> pa.Table:
    return pa.table(
        {
            "store": stores,
            "ahead": pa.array(ahead or [1] * len(days), pa.float64()),
            "timestamp": pa.array(
                [START + timedelta(days=day) for day in days], pa.timestamp("us", tz="UTC")
            ),
        }
    )


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 40), st.sampled_from([1, 3, 9])),
        min_size=2,
        max_size=60,
        unique=True,
    )
)
def test_the_gap_is_the_last_rows_of_each_series_and_horizon(found: Any) -> None:
    stores, days, ahead = (list(each) for each in zip(*found, strict=True))
    definition = defined("ahead", series="store")
    table = rows(stores, days, ahead)
    split = split_rows(definition, table)
    first = min(rows_of(split, HOLDOUT)["timestamp"].to_pylist())
    expected = []
    for store in "abc":
        for steps in (1, 3, 9):
            before = sorted(
                moment
                for name, moment, far in zip(
                    stores, table["timestamp"].to_pylist(), ahead, strict=True
                )
                if name == store and far == steps and moment < first
            )
            expected += [(store, steps, each) for each in before[::-1][: steps - 1]]
    gap = rows_of(split, GAP)
    said = zip(*(gap[name].to_pylist() for name in ("store", "ahead", "timestamp")), strict=True)
    assert sorted(said) == sorted(expected)


def test_a_step_has_a_row_for_each_series_and_horizon_that_go_on() -> None:
    stores = ["a", "b"] * 50 + ["new"]
    days = [*sorted([*range(50)] * 2), 49]
    assert rows_per_step(defined(series="store"), rows(stores, days)) == 3
    assert rows_per_step(defined(), rows(stores, days)) == 1
    assert rows_per_step(defined(series="store"), rows([], [])) == 1
    assert rows_per_step(defined("ahead"), rows(["a"] * 6, [0, 0, 1, 1, 2, 2], [1, 7] * 3)) == 2
    without = rows(stores, days).drop_columns(["store"])
    assert set(track_of(defined(series="store"), without)) == {0}


def test_series_and_steps_of_rows() -> None:
    table = rows(["b", "a", "b"], [0, 0, 1], [1, 7, 1])
    assert track_of(defined("ahead", series="store"), table).tolist() == [1, 0, 1]
    assert series_of(defined(series="store"), table).tolist() == ["b", "a", "b"]
    assert len(set(series_of(defined(), table))) == 1
    assert steps_ahead(defined("ahead"), table).tolist() == [1, 7, 1]
    assert steps_ahead(defined(5), table).tolist() == [5, 5, 5]
    assert (defined("ahead").longest_horizon, defined(5).longest_horizon) == (9, 5)
    assert np.array_equal(track_of(defined(), table), [0, 0, 0])


@pytest.mark.parametrize(
    ("forecast", "message"),
    [
        ({"series": "before"}, "is not a category feature"),
        ({"series": "shop"}, "is not a category feature"),
        ({"horizon": "store"}, "is not an integer feature"),
        ({"horizon": 0}, "greater than or equal to 1"),
        ({"seasonal_naive": "store"}, "is not a numeric feature"),
    ],
)
def test_what_does_not_fit_the_features_is_refused(forecast: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        defined(**forecast)


def test_a_horizon_of_the_rows_has_ends_and_is_logged() -> None:
    raw = defined("ahead", series="store").model_dump(exclude_none=True)
    open_end = {**raw, "features": {**raw["features"], "ahead": {"type": "integer", "min": 1}}}
    with pytest.raises(ValidationError, match=r"the smallest and the largest number"):
        ModelDefinition.model_validate(open_end)
    with pytest.raises(ValidationError, match="tells the series"):
        ModelDefinition.model_validate({**raw, "request_log": {"redact": ["store"]}})


@given(st.lists(st.integers(0, 3), max_size=40))
def test_the_newest_row_of_each_track_is_no_step_from_its_end(tracks: list[int]) -> None:
    left = steps_to_end(np.array(tracks, dtype=np.intp)).tolist()
    assert left == [tracks[place + 1 :].count(track) for place, track in enumerate(tracks)]
