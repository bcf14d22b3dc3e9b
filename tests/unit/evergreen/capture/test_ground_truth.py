"""Ground truth becomes records, or is refused with the path of each fault."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from evergreen.capture.ground_truth import MAX_LABELS, label_records
from evergreen.errors import MAX_FIELD_ERRORS, RequestError
from evergreen.model_definition import ModelDefinition

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _definition(task: str) -> ModelDefinition:
    features = {"a": {"type": "float"}}
    return ModelDefinition.model_validate(
        {"name": "m", "task": task, "target": "y", "features": features}
    )


def _read(body: object, task: str = "classification") -> list[dict[str, Any]]:
    return label_records(body, definition=_definition(task), timestamp=NOW)


def test_defaults_are_the_first_row_and_now() -> None:
    assert _read([{"request_id": "r", "label": 1}]) == [
        {
            "timestamp": "2026-01-01T00:00:00.000000Z",
            "request_id": "r",
            "row": 0,
            "model": "m",
            "label": 1,
            "observed_at": "2026-01-01T00:00:00.000000Z",
        }
    ]


def test_observed_at_is_kept_in_utc() -> None:
    item = {"request_id": "r", "row": 2, "label": 3.5, "observed_at": "2026-01-01T02:00:00+02:00"}
    [record] = _read([item], "regression")
    assert record["observed_at"] == "2026-01-01T00:00:00.000000Z"
    assert record["label"] == 3.5


@pytest.mark.parametrize(
    ("item", "path"),
    [
        ({"label": 1}, "$[1].request_id"),
        ({"request_id": "", "label": 1}, "$[1].request_id"),
        ({"request_id": "r"}, "$[1].label"),
        ({"request_id": "r", "label": 1.5}, "$[1].label"),
        ({"request_id": "r", "label": 1, "row": -1}, "$[1].row"),
        ({"request_id": "r", "label": 1, "row": True}, "$[1].row"),
        ({"request_id": "r", "label": 1, "observed_at": "yesterday"}, "$[1].observed_at"),
        ({"request_id": "r", "label": 1, "observed_at": 5}, "$[1].observed_at"),
        ({"request_id": "r", "label": 1, "colour": "red"}, "$[1].colour"),
        ("r", "$[1]"),
    ],
)
def test_a_fault_is_named_by_path(item: object, path: str) -> None:
    with pytest.raises(RequestError) as caught:
        _read([{"request_id": "ok", "label": 0}, item])
    assert caught.value.status == 422
    assert [fault.path for fault in caught.value.fields] == [path]


@pytest.mark.parametrize("body", [{}, [], None, "x"])
def test_only_a_list_will_do(body: object) -> None:
    with pytest.raises(RequestError) as caught:
        _read(body)
    assert caught.value.status == 422


def test_text_is_no_number() -> None:
    with pytest.raises(RequestError, match="label"):
        _read([{"request_id": "r", "label": "12"}], "regression")


def test_limits() -> None:
    with pytest.raises(RequestError) as caught:
        _read([{"request_id": "r", "label": 1}] * (MAX_LABELS + 1))
    assert caught.value.status == 413
    with pytest.raises(RequestError) as caught:
        _read([{}] * 1000)
    assert len(caught.value.fields) == MAX_FIELD_ERRORS
