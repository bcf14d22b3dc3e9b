"""Rows of two data sets are the same by their key, or by time and features without one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from evergreen.datasets.overlap import rows_in_common
from evergreen.model_definition import ModelDefinition

START = datetime(2026, 3, 1, tzinfo=UTC)
MODEL = ModelDefinition.model_validate(
    {"name": "m", "task": "regression", "target": "y", "features": {"a": {"type": "float"}}}
)


def rows(ids: list[str | None], values: list[float]) -> pa.Table:
    """Rows of the log with an id each, or of a file (None), a minute apart."""
    return pa.table(
        {
            "a": values,
            "timestamp": [START + timedelta(minutes=number) for number in range(len(ids))],
            "request_id": pa.array(ids, pa.string()),
            "row": pa.array([None if each is None else 0 for each in ids], pa.int64()),
        }
    )


def test_what_is_not_known_has_no_number() -> None:
    assert rows_in_common(MODEL, rows(["x"], [1.0]), None) is None


def test_logged_rows_are_the_same_by_key_alone() -> None:
    other = rows(["q", "x"], [1.0, 9.0])
    assert rows_in_common(MODEL, rows(["x", "y"], [1.0, 2.0]), other) == 1


def test_rows_of_a_file_are_the_same_by_time_and_features() -> None:
    mine = rows([None, None], [1.0, 2.0])
    assert rows_in_common(MODEL, mine, rows([None, None], [1.0, 3.0])) == 1
    assert rows_in_common(MODEL, mine, rows(["x", "y"], [1.0, 2.0])) == 0


def test_rows_without_the_columns_of_the_key() -> None:
    file = rows([None, None], [1.0, 2.0]).drop_columns(["request_id", "row"])
    assert rows_in_common(MODEL, file, file) == 2
