"""The fast parser and the careful one agree: what the fast one takes is the same row."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.lake.parsing import LabelParser, PredictionParser
from evergreen.lake.records import read_label, read_prediction
from evergreen.lake.tables import LABELS, REQUEST_LOG
from evergreen.model_definition import Evaluation, ModelDefinition
from tests.support.log_records import encode, request_records

FEATURES = {
    "a": {"type": "float", "nullable": True},
    "b.c": {"type": "category", "nullable": True},
    "d": {"type": "boolean", "nullable": True},
    "e": {"type": "integer", "nullable": True},
}
DEFINITIONS = {
    task: ModelDefinition.model_validate(
        {"name": "m", "task": task, "target": "y", "features": FEATURES}
    )
    for task in ("classification", "regression")
}
DEFINITIONS["probabilities"] = DEFINITIONS["classification"].model_copy(
    update={"evaluation": Evaluation(metric="log_loss")}
)
MOMENT = "2026-03-01T12:00:00.000001Z"

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
times = st.one_of(
    st.just(MOMENT),
    st.datetimes().map(lambda moment: f"{moment.isoformat(timespec='microseconds')}Z"),
    st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]\.[0-9]{6}Z"),
    st.sampled_from(["0000-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z", "now", ""]),
)
numbers = st.floats() | st.integers() | st.booleans() | st.just(1e308) | st.just(10**400)
inputs = st.fixed_dictionaries(
    {},
    optional={
        "a": numbers | any_json,
        "b.c": st.text() | any_json,
        "d": st.booleans() | any_json,
        "e": numbers | any_json,
        "other": any_json,
    },
)
metadata = st.fixed_dictionaries(
    {"role": st.sampled_from(["champion", "shadow", ""])},
    optional={
        "batch_size": st.integers() | any_json,
        "inference_ms": st.floats() | any_json,
        "user_agent": st.text(),
        "own": any_json,
    },
)
common = {
    "timestamp": times,
    "request_id": st.sampled_from(["r", "", "\N{BUG}"]) | st.text(),
    "row": st.integers(0, 9) | st.integers() | any_json,
}
predictions = st.fixed_dictionaries(
    common
    | {
        "model_version": st.text(),
        "input_data": inputs,
        "model_output": st.sampled_from(["x", 1, 1.5, True, 2**63]) | any_json,
        "metadata": metadata,
    },
    optional={
        "confidence": st.none() | numbers,
        "probabilities": st.none() | st.dictionaries(st.text(max_size=3), numbers) | any_json,
        "model": st.sampled_from(["m", "n"]),
        "task_type": st.just("regression") | any_json,
        "unknown": any_json,
    },
)
labels = st.fixed_dictionaries(
    common
    | {
        "label": st.sampled_from(["x", 1, 1.5, True, 2**63, "y" * 300]) | any_json,
        "observed_at": times,
    },
    optional={"model": st.sampled_from(["m", "n"])},
)
replaced = st.tuples(st.sampled_from('[]{}",:0e-\\\n\x00\xff'), st.integers(0, 400))


def _text(record: dict[str, Any], edit: tuple[str, int] | None) -> bytes:
    line = json.dumps(record, ensure_ascii=False).encode(errors="surrogatepass")
    if edit is not None:
        line = line[: edit[1]] + edit[0].encode("latin1") + line[edit[1] + 1 :]
    return line.replace(b"\n", b" ")


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    texts = {"input_data", "metadata", "probabilities"} & row.keys()
    return row | {name: row[name] and json.loads(row[name]) for name in texts}


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(predictions, st.none() | replaced), min_size=1, max_size=4),
    st.sampled_from([*DEFINITIONS]),
)
def test_a_prediction_that_is_taken_is_the_row_that_the_careful_parser_reads(
    records: list[tuple[dict[str, Any], tuple[str, int] | None]], task: str
) -> None:
    definition = DEFINITIONS[task]
    schema = REQUEST_LOG.schema(definition)
    lines = [_text(*each) for each in records]
    taken = PredictionParser(definition, schema).parse(lines)
    good = [line for place, line in enumerate(lines) if place not in taken.left]
    expected = [_plain(read_prediction(line, definition)) for line in good]
    assert [_plain(row) for row in taken.columns.to_pylist()] == expected
    assert taken.columns.schema == schema


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(labels, st.none() | replaced), min_size=1, max_size=4),
    st.sampled_from([*DEFINITIONS]),
)
def test_a_label_that_is_taken_is_the_row_that_the_careful_parser_reads(
    records: list[tuple[dict[str, Any], tuple[str, int] | None]], task: str
) -> None:
    definition = DEFINITIONS[task]
    schema = LABELS.schema(definition)
    lines = [_text(*each) for each in records]
    taken = LabelParser(definition, schema).parse(lines)
    good = [line for place, line in enumerate(lines) if place not in taken.left]
    assert taken.columns.to_pylist() == [read_label(line, definition) for line in good]


@pytest.mark.parametrize("extra", [{}, {"own": {"a": [1]}}], ids=["ours", "the caller's"])
@pytest.mark.parametrize("task", [*DEFINITIONS])
def test_what_the_inference_function_writes_is_taken(task: str, extra: dict[str, Any]) -> None:
    definition = DEFINITIONS[task]
    records = request_records(
        timestamp=datetime(2026, 3, 1, tzinfo=UTC),
        request_id="r",
        definition=definition,
        model_version="1",
        rows=[{"a": 1, "b.c": 'say "x"', "d": True, "e": None}, {"a": 0.5, "b.c": "ü", "d": False}],
        outputs=[1, 2.5] if task == "regression" else ["x", "y"],
        confidences=[0.5, None],
        metadata={"role": "champion", "batch_size": 2, "inference_ms": 0.25, **extra},
    )
    lines = [encode(record) for record in records]
    taken = PredictionParser(definition, REQUEST_LOG.schema(definition)).parse(lines)
    assert taken.left == []
    assert taken.columns.num_rows == 2


def test_lines_deep_in_brackets_are_left_to_the_careful_parser() -> None:
    definition = DEFINITIONS["regression"]
    record = {
        "timestamp": MOMENT,
        "request_id": "r",
        "row": 0,
        "model_version": "1",
        "input_data": {},
        "model_output": 1.0,
        "metadata": {"role": "champion", "own": 0},
    }
    line = json.dumps(record).encode()
    deep = line.replace(b'"own": 0', b'"own": ' + b"[" * 300 + b"]" * 300)
    taken = PredictionParser(definition, REQUEST_LOG.schema(definition)).parse([line, deep])
    assert taken.left == [1]
