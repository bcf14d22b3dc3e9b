"""One line per row, with the contract's fields and without redacted features."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.capture.request_log import RequestLogWriter, request_log_landing_prefix
from evergreen.clock import to_text
from evergreen.lake.records import read_prediction
from evergreen.model_definition import Evaluation, ModelDefinition
from tests.support.json_values import FINITE, strict_json

DEFINITION = ModelDefinition.model_validate(
    {
        "name": "m",
        "task": "classification",
        "target": "y",
        "features": {
            "a": {"type": "float", "nullable": True},
            "secret": {"type": "category"},
            "class": {"type": "category", "nullable": True},
        },
        "request_log": {"redact": ["secret"]},
    }
)
COLUMNS: dict[str, list[Any]] = {"a": [1.5, None], "secret": ["x", "y"], "class": ["b", "c"]}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _records(
    outputs: list[Any],
    confidences: list[float] | None,
    written: dict[str, Any] = COLUMNS,
    metadata: dict[str, Any] | None = None,
    timestamp: datetime = NOON,
) -> list[dict[str, Any]]:
    lines = RequestLogWriter(DEFINITION).lines(
        timestamp=timestamp,
        request_id="r-1",
        model_version="3",
        written=written,
        outputs=outputs,
        confidences=confidences,
        metadata={"role": "champion", **(metadata or {})},
    )
    return [strict_json(line) for line in lines.splitlines()]


def test_records_follow_the_contract() -> None:
    first, second = _records([1, 0], [0.9, 0.6])
    assert first == {
        "timestamp": "2026-01-01T12:00:00.000000Z",
        "request_id": "r-1",
        "row": 0,
        "model": "m",
        "model_version": "3",
        "task_type": "classification",
        "input_data": {"a": 1.5, "class": "b"},
        "model_output": 1,
        "confidence": 0.9,
        "metadata": {"role": "champion", "schema_version": 1},
    }
    assert list(first)[:3] == ["timestamp", "request_id", "row"]
    assert second["row"] == 1
    assert second["input_data"] == {"a": None, "class": "c"}


@pytest.mark.parametrize("timestamp", [NOON, NOON.replace(microsecond=7)], ids=["whole", "broken"])
def test_a_row_is_written_alike_alone_and_beside_others(timestamp: datetime) -> None:
    about = {"id": "é\n", "own": {"none": None, "much": float("inf")}}
    first, _ = _records([1, 0], [0.9, 0.6], metadata=about, timestamp=timestamp)
    alone = {name: values[:1] for name, values in COLUMNS.items()}
    assert _records([1], [0.9], alone, about, timestamp) == [first]


@pytest.mark.parametrize("microsecond", [0, 1, 120_000, 999_999])
@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=2))], ids=["UTC", "elsewhere"])
def test_time_is_written_in_utc_with_six_decimals(microsecond: int, zone: tzinfo) -> None:
    moment = datetime(2026, 1, 1, 12, 30, 5, microsecond, tzinfo=zone)
    assert _records([1, 0], None, timestamp=moment)[0]["timestamp"] == to_text(moment)


def test_probabilities_are_written_and_read_by_the_name_of_their_class() -> None:
    def lines(count: int) -> list[bytes]:
        return (
            RequestLogWriter(DEFINITION)
            .lines(
                timestamp=NOON,
                request_id="r-1",
                model_version="3",
                written={name: values[:count] for name, values in COLUMNS.items()},
                outputs=["晴", "b"][:count],
                confidences=[0.5, 0.75][:count],
                metadata={"role": "champion"},
                probabilities=[{"晴": 0.5, "b": 0.5}, {"晴": 0.25, "b": 0.75}][:count],
            )
            .splitlines()
        )

    scoring = DEFINITION.model_copy(update={"evaluation": Evaluation(metric="brier")})
    assert lines(1) == lines(2)[:1]
    read = [json.loads(read_prediction(line, scoring)["probabilities"]) for line in lines(2)]
    assert read == [{"晴": 0.5, "b": 0.5}, {"晴": 0.25, "b": 0.75}]
    assert "probabilities" not in read_prediction(lines(1)[0], DEFINITION)
    with pytest.raises(ValueError, match=r"b: must be a number"):
        read_prediction(lines(1)[0].replace(b'"b":0.5', b'"b":"x"'), scoring)


def test_confidence_is_null_where_there_is_none() -> None:
    assert [record["confidence"] for record in _records([1, 0], None)] == [None, None]


@pytest.mark.parametrize(
    ("outputs", "confidences"), [([1], None), ([1, 0, 1], None), ([1, 0], [0.5])]
)
def test_a_row_without_an_output_is_never_dropped_silently(
    outputs: list[int], confidences: list[float] | None
) -> None:
    with pytest.raises(ValueError, match="differ in length"):
        _records(outputs, confidences)


def test_columns_of_different_lengths_are_no_rows() -> None:
    with pytest.raises(ValueError, match="shorter"):
        _records([1, 0], None, COLUMNS | {"class": ["b"]})


def test_a_model_whose_every_feature_is_redacted_has_empty_input_data() -> None:
    log = DEFINITION.request_log.model_copy(update={"redact": tuple(DEFINITION.features)})
    closed = DEFINITION.model_copy(update={"request_log": log})
    lines = RequestLogWriter(closed).lines(
        timestamp=NOON,
        request_id="r-1",
        model_version="3",
        written=COLUMNS,
        outputs=[1, 0],
        confidences=None,
        metadata={},
    )
    assert [json.loads(line)["input_data"] for line in lines.splitlines()] == [{}, {}]


@given(
    st.lists(st.tuples(FINITE, FINITE, st.text(min_size=1, max_size=256)), min_size=1),
    st.dictionaries(st.text(min_size=1), FINITE, max_size=3),
)
def test_every_value_reads_back_exactly(
    rows: list[tuple[Any, Any, str]], metadata: dict[str, Any]
) -> None:
    numbers, words, outputs = (list(column) for column in zip(*rows, strict=True))
    written = {"a": numbers, "secret": words, "class": words}
    found = _records(outputs, [0.25] * len(rows), written, metadata)
    assert [record["row"] for record in found] == list(range(len(rows)))
    for record, (number, word, output) in zip(found, rows, strict=True):
        wanted = {"a": number, "class": word}
        assert record["input_data"] == wanted
        assert json.dumps(record["input_data"]) == json.dumps(wanted)  # 1, 1.0 and true differ
        assert record["model_output"] == output
        for key in metadata.keys() - {"role", "schema_version"}:
            assert record["metadata"][key] == metadata[key]


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.text(min_size=1))
def test_the_lake_reads_what_was_written(number: float, word: str) -> None:
    lines = RequestLogWriter(DEFINITION).lines(
        timestamp=NOON,
        request_id="r-1",
        model_version="3",
        written={"a": [number], "secret": [word], "class": [word]},
        outputs=["yes"],
        confidences=[0.75],
        metadata={"role": "champion"},
    )
    row = read_prediction(lines, DEFINITION)
    assert (row["a"], row["class"], row["secret"]) == (number, word, None)
    assert (row["timestamp"], row["model_output"], row["confidence"]) == (NOON, "yes", 0.75)


def test_the_landing_prefix_is_the_contract() -> None:
    assert request_log_landing_prefix("m") == "request-log/raw/model=m/"
