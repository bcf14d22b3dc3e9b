"""JSON lines become table rows, each once; what is no record comes back with the reason."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.capture.delivery import encode
from evergreen.capture.ground_truth import label_records
from evergreen.capture.request_log import request_log_landing_prefix, request_records
from evergreen.clock import to_text
from evergreen.lake.tables import LABELS, REQUEST_LOG
from evergreen.model_definition import ModelDefinition

DEFINITION = ModelDefinition.model_validate(
    {
        "name": "m",
        "task": "classification",
        "target": "y",
        "features": {
            "a": {"type": "float", "nullable": True},
            "b": {"type": "category", "nullable": True},
            "c": {"type": "boolean"},
        },
    }
)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
rows = st.fixed_dictionaries(
    {
        "a": st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-99, 99),
        "b": st.none() | st.text(),
        "c": st.booleans(),
    }
)


def _lines(batch: list[dict[str, Any]], request_id: str = "r", moment: datetime = START) -> bytes:
    records = request_records(
        timestamp=moment,
        request_id=request_id,
        definition=DEFINITION,
        model_version="1",
        rows=batch,
        outputs=[1] * len(batch),
        confidences=[0.5] * len(batch),
        metadata={"role": "champion"},
    )
    return b"".join(map(encode, records))


@given(st.lists(rows, max_size=20))
def test_what_was_logged_is_what_is_read(batch: list[dict[str, Any]]) -> None:
    table, rejected = REQUEST_LOG.from_lines("key", _lines(batch), DEFINITION)
    assert not rejected
    assert table.schema == REQUEST_LOG.schema(DEFINITION)
    read = table.to_pylist()
    assert [row["a"] for row in read] == [None if r["a"] is None else float(r["a"]) for r in batch]
    assert [row["b"] for row in read] == [row["b"] for row in batch]
    assert [row["c"] for row in read] == [float(row["c"]) for row in batch]
    assert [json.loads(row["input_data"]) for row in read] == batch
    assert all(row["timestamp"] == START and row["model_output"] == "1" for row in read)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda record: record.pop("request_id"), "KeyError: 'request_id'"),
        (lambda record: record.update(timestamp="soon"), "ValueError"),
        (lambda record: record["input_data"].update(a="high"), "TypeError: 'high'"),
        (lambda record: record.update(model_output=None), "ValueError"),
        (lambda record: record["input_data"].update(a=10**400), "OverflowError"),
    ],
)
def test_a_line_that_is_no_record_is_kept_with_the_reason(change: Any, reason: str) -> None:
    record = json.loads(_lines([{"a": 1, "b": "x", "c": True}]))
    change(record)
    body = _lines([{"a": 2, "b": "x", "c": True}]) + encode(record) + b"{cut off\n"
    table, rejected = REQUEST_LOG.from_lines("key", body, DEFINITION)
    assert table["a"].to_pylist() == [2.0]
    assert len(rejected) == 2
    assert rejected[0].reason.startswith(reason)
    assert json.loads(rejected[0].line) == record
    assert rejected[1].line == "{cut off"


def test_duplicates_are_removed_and_rows_sorted_by_time() -> None:
    later = _lines([{"a": 1, "b": "x", "c": True}] * 2, "late", START + timedelta(hours=1))
    early = _lines([{"a": 2, "b": "x", "c": True}], "early")
    table, _ = REQUEST_LOG.from_lines("key", later + early + later, DEFINITION)
    unique = REQUEST_LOG.deduplicated(table)
    seen = list(zip(unique["request_id"].to_pylist(), unique["row"].to_pylist(), strict=True))
    assert seen == [("early", 0), ("late", 0), ("late", 1)]


@given(st.permutations(range(5)))
def test_the_label_that_came_last_counts(order: list[int]) -> None:
    body = b""
    for number in order:
        [record] = label_records(
            [{"request_id": "r", "label": number}],
            definition=DEFINITION,
            timestamp=START + timedelta(minutes=number),
        )
        body += encode(record)
    table, _ = LABELS.from_lines("key", body, DEFINITION)
    assert LABELS.deduplicated(table)["label"].to_pylist() == ["4"]


def test_prefixes_are_the_contract() -> None:
    day = date(2026, 3, 1)
    assert REQUEST_LOG.raw_prefix("m", day) == request_log_landing_prefix("m") + "2026/03/01/"
    assert REQUEST_LOG.partition("m", day) == "request-log/table/model=m/dt=2026-03-01/"
    assert to_text(START).startswith("2026-03-01")
