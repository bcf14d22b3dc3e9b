"""JSON lines become table rows, each once; what is no record comes back with the reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.capture.ground_truth import label_records
from evergreen.clock import to_text
from evergreen.lake.lines import LineReader, Rejected
from evergreen.lake.tables import LABELS, REQUEST_LOG, TableKind
from evergreen.model_definition import ModelDefinition
from tests.support.log_records import encode, request_records

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
REQUEST = "6f2c1a34-0d8e-4f0c-9a56-2b1f7c3d9e80"
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


def _read(kind: TableKind, body: bytes, definition: ModelDefinition) -> tuple[Any, list[Rejected]]:
    return LineReader(kind, definition).read([("key", body)])


@given(st.lists(rows, max_size=20))
def test_what_was_logged_is_what_is_read(batch: list[dict[str, Any]]) -> None:
    table, rejected = _read(REQUEST_LOG, _lines(batch), DEFINITION)
    assert not rejected
    assert table.schema == REQUEST_LOG.schema(DEFINITION)
    read = table.to_pylist()
    assert [row["a"] for row in read] == [None if r["a"] is None else float(r["a"]) for r in batch]
    assert [row["b"] for row in read] == [row["b"] for row in batch]
    assert [row["c"] for row in read] == [float(row["c"]) for row in batch]
    assert [json.loads(row["input_data"]) for row in read] == batch
    assert all(row["timestamp"] == START and row["model_output"] == "1" for row in read)


def _label(**changes: Any) -> bytes:
    record = {
        "timestamp": to_text(START),
        "request_id": REQUEST,
        "row": 0,
        "model": "m",
        "label": "x",
        "observed_at": to_text(START),
    }
    return json.dumps(record | changes).encode()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda record: record.pop("request_id"), "request_id: must be a string"),
        (lambda record: record.update(request_id=None), "request_id: must be a string"),
        (lambda record: record.update(row=2**63), "row: must be a row number"),
        (lambda record: record.update(row=0.7), "row: must be a row number"),
        (lambda record: record.update(row=True), "row: must be a row number"),
        (lambda record: record.update(row=-1), "row: must be a row number"),
        (lambda record: record.update(model="another"), "model: must be 'm'"),
        (lambda record: record.update(timestamp="soon"), "timestamp: Invalid isoformat"),
        (lambda record: record.update(timestamp="0001-01-01T00:00:00+14:00"), "timestamp: '0001"),
        (lambda record: record.update(model_output=None), "model_output: must be a class"),
        (lambda record: record.update(model_output=[1]), "model_output: must be a class"),
        (lambda record: record.update(confidence="high"), "confidence: must be a number"),
        (lambda record: record.update(input_data=[1]), "input_data: must be an object"),
        (lambda record: record.update(metadata=None), "metadata: must be an object"),
        (lambda record: record.update(metadata={}), "role: must be a string"),
    ],
)
def test_a_line_that_is_no_record_is_kept_with_the_reason(change: Any, reason: str) -> None:
    record = json.loads(_lines([{"a": 1, "b": "x", "c": True}]))
    change(record)
    body = _lines([{"a": 2, "b": "x", "c": True}]) + encode(record) + b"{cut off\n"
    table, rejected = _read(REQUEST_LOG, body, DEFINITION)
    assert table["a"].to_pylist() == [2.0]
    assert len(rejected) == 2
    assert rejected[0].reason.startswith(reason)
    assert json.loads(rejected[0].line) == record
    assert rejected[1].line == "{cut off"


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b'{"model":"m","label":' + b"[" * 5000 + b"]" * 5000 + b"}",
        _label(label="\ud800"),
        _label(request_id="\ud800"),
        _label().replace(b'"x"', b"NaN"),
        _label().replace(b'"x"', b"1" * 5000),
        _label().replace(b'"x"', b'"\xff"'),
        _label(label=1.5),
        _label(label=2**63),
        _label(label="x" * 300),
        _label(row=9223372036854775808),
        _label(observed_at="0001-01-01T00:00:00+14:00"),
        _label(observed_at="9999-01-01T00:00:00Z"),
        _label(observed_at=to_text(START + timedelta(days=2))),
        b"null",
        b"\xef\xbb\xbf{}",
        b"\x1f\x8b\x08\x00",
    ],
    ids=range(17),
)
def test_one_line_written_straight_to_s3_is_set_aside_and_the_others_are_read(line: bytes) -> None:
    body = b"\n".join([_label(row=1), line, _label(row=2)])
    table, rejected = _read(LABELS, body, DEFINITION)
    assert table["row"].to_pylist() == [1, 2]
    (one,) = rejected
    assert one.reason
    assert json.loads(json.dumps(one.line)) == line.decode(errors="replace")


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999", "1.7976931348623157e308", "true"])
def test_a_number_that_no_metric_can_use_is_set_aside(text: str) -> None:
    line = _label().replace(b'"x"', text.encode())
    definition = DEFINITION.model_copy(update={"task": "regression"})
    table, (rejected,) = _read(LABELS, line, definition)
    assert table.num_rows == 0
    assert rejected.reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
records = st.fixed_dictionaries(
    {"model": st.just("m")},
    optional={
        "timestamp": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | json_values,
        "observed_at": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | json_values,
        "request_id": st.text() | json_values,
        "row": st.integers() | json_values,
        "model_version": st.text(),
        "label": json_values,
        "model_output": json_values,
        "confidence": json_values,
        "input_data": st.dictionaries(st.sampled_from("abc"), json_values) | json_values,
        "metadata": st.just({"role": "champion"}) | json_values,
    },
)
lines = (
    st.binary()
    | (records | json_values).map(lambda value: json.dumps(value).encode())
    | st.tuples(st.binary(max_size=9), st.integers(0, 150)).map(
        lambda edit: _label()[: edit[1]] + edit[0] + _label()[edit[1] :]
    )
)


@given(st.lists(lines, max_size=5), st.sampled_from([REQUEST_LOG, LABELS]), st.booleans())
def test_every_line_is_a_row_or_is_set_aside_with_a_reason(
    several: list[bytes], kind: TableKind, numeric: bool
) -> None:
    definition = DEFINITION.model_copy(update={"task": "regression"}) if numeric else DEFINITION
    body = b"\n".join(several)
    table, rejected = _read(kind, body, definition)
    assert table.num_rows + len(rejected) == len(body.splitlines())
    assert table.schema == kind.schema(definition)
    assert all(each.reason for each in rejected)
    json.dumps([each.line + each.reason for each in rejected]).encode()
    assert kind.deduplicated(table).num_rows <= table.num_rows
    for row in table.to_pylist():
        for name in {"input_data", "metadata"} & row.keys():
            json.loads(row[name], parse_constant=pytest.fail)


def test_a_feature_that_does_not_fit_its_column_is_missing_and_its_text_is_kept() -> None:
    sent = {"a": "high", "b": 1.5, "c": 10**400, "gone": [1]}
    body = _lines([{"a": 1, "b": "x", "c": True}]).replace(
        b'{"a":1,"b":"x","c":true}', json.dumps(sent).encode()
    )
    table, rejected = _read(REQUEST_LOG, body, DEFINITION)
    assert not rejected
    (row,) = table.to_pylist()
    assert (row["a"], row["b"], row["c"]) == (None, None, None)
    assert json.loads(row["input_data"]) == sent


def test_duplicates_are_removed_and_rows_sorted_by_time() -> None:
    later = _lines([{"a": 1, "b": "x", "c": True}] * 2, "late", START + timedelta(hours=1))
    early = _lines([{"a": 2, "b": "x", "c": True}], "early")
    table, _ = _read(REQUEST_LOG, later + early + later, DEFINITION)
    unique = REQUEST_LOG.deduplicated(table)
    seen = list(zip(unique["request_id"].to_pylist(), unique["row"].to_pylist(), strict=True))
    assert seen == [("early", 0), ("late", 0), ("late", 1)]


@given(st.permutations(range(5)))
def test_the_label_that_came_last_counts(order: list[int]) -> None:
    body = b""
    for number in order:
        [record] = label_records(
            [{"request_id": REQUEST, "label": number}],
            definition=DEFINITION,
            timestamp=START + timedelta(minutes=number),
        )
        body += encode(record)
    table, _ = _read(LABELS, body, DEFINITION)
    assert LABELS.deduplicated(table)["label"].to_pylist() == ["4"]


def test_a_rejected_line_names_the_object_it_comes_from() -> None:
    good = _label()
    bodies = [b"no\n" + good, b"", good + b"\nno\n" + good, b"no"]
    objects = [(f"key{number}", body) for number, body in enumerate(bodies)]
    table, rejected = LineReader(LABELS, DEFINITION).read(objects)
    assert table.num_rows == 3
    assert [each.source for each in rejected] == ["key0", "key2", "key3"]


def test_many_lines_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evergreen.lake.lines._CHUNK", 2)
    body = b"\n".join([b"no", *(_label(row=number) for number in range(5)), b"no"])
    table, rejected = _read(LABELS, body, DEFINITION)
    assert sorted(table["row"].to_pylist()) == [*range(5)]
    assert len(rejected) == 2
