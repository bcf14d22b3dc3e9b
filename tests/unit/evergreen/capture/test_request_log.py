"""One record per row, with the contract's fields and without redacted features."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from evergreen.capture.request_log import request_log_landing_prefix, request_records
from evergreen.model_definition import ModelDefinition

DEFINITION = ModelDefinition.model_validate(
    {
        "name": "m",
        "task": "classification",
        "target": "y",
        "features": {"a": {"type": "float"}, "secret": {"type": "category"}},
        "request_log": {"redact": ["secret"]},
    }
)
ROWS: list[dict[str, Any]] = [{"a": 1.5, "secret": "x"}, {"a": None, "secret": "y"}]


def _records(outputs: list[int], confidences: list[float] | None) -> list[dict[str, object]]:
    return request_records(
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        request_id="r-1",
        definition=DEFINITION,
        model_version="3",
        rows=ROWS,
        outputs=outputs,
        confidences=confidences,
        metadata={"role": "champion"},
    )


def test_records_follow_the_contract() -> None:
    first, second = _records([1, 0], [0.9, 0.6])
    assert first == {
        "timestamp": "2026-01-01T00:00:00.000000Z",
        "request_id": "r-1",
        "row": 0,
        "model": "m",
        "model_version": "3",
        "task_type": "classification",
        "input_data": {"a": 1.5},
        "model_output": 1,
        "confidence": 0.9,
        "metadata": {"role": "champion", "schema_version": 1},
    }
    assert second["row"] == 1
    assert second["input_data"] == {"a": None}


def test_confidence_is_null_where_there_is_none() -> None:
    assert [record["confidence"] for record in _records([1, 0], None)] == [None, None]


def test_a_row_without_an_output_is_never_dropped_silently() -> None:
    with pytest.raises(ValueError, match="shorter"):
        _records([1], None)


def test_the_landing_prefix_is_the_contract() -> None:
    assert request_log_landing_prefix("m") == "request-log/raw/model=m/"
