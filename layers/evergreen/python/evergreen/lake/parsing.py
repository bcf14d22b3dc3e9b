"""Fast reading of records: many lines at a time become columns, if they are plainly fine.

:mod:`evergreen.lake.records` is the rule. This module takes a line only if that module would, and
returns the same row. All other lines are left to it. So this may refuse what it does not know.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.capture.ground_truth import EARLIEST, LATEST_AHEAD, MAX_NUMBER, label_fault
from evergreen.lake.arrays import TIME, json_array, number_array, row_array, text_array, time_array
from evergreen.lake.line_types import outcome_type, record_decoder, sent_type
from evergreen.model_definition.definition import PROBABILITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evergreen.model_definition import ModelDefinition

_MAX_NESTED = 32
"""Brackets in metadata from which on the careful parser decides whether they are too deep."""
_KNOWN_CLASSES = 1024
"""Outcomes whose text is kept: a model has few classes."""
_FAULTS = (msgspec.MsgspecError, ValueError, RecursionError)


class _Metadata(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What is written beside a prediction if its caller adds nothing."""

    role: str
    batch_size: int | None = None
    inference_ms: float | None = None
    source_ip: str | None = None
    user_agent: str | None = None
    schema_version: int | None = None
    id: str | None = None
    shadow: str | None = None


_any_metadata = msgspec.json.Decoder(dict[str, Any]).decode


def _role_of_others(metadata: msgspec.Raw) -> str:
    text = memoryview(metadata).tobytes()
    if text.count(b"[") + text.count(b"{") > _MAX_NESTED:
        raise ValueError("metadata: deep")
    role = _any_metadata(text).get("role")
    if not isinstance(role, str):
        raise ValueError("role: no string")  # noqa: TRY004 - caught with the others
    return role


class Taken:
    """Lines as columns.

    Parameters
    ----------
    columns
        The rows of those lines that were taken.
    left
        The places of the lines that were not.
    """

    __slots__ = ("columns", "left")

    def __init__(self, columns: pa.Table, left: list[int]) -> None:
        self.columns = columns
        self.left = left


class PredictionParser:
    """Reads lines of one model's request log.

    Parameters
    ----------
    definition
        The model's.
    schema
        The columns wanted: all that the definition has.
    """

    def __init__(self, definition: ModelDefinition, schema: pa.Schema) -> None:
        self._definition = definition
        self._schema = schema
        numeric, texts = definition.numeric_features, definition.category_features
        self._numeric, self._texts = numeric, texts
        self._inputs = msgspec.json.Decoder(sent_type(definition, [*numeric, *texts])).decode
        fields: list[Any] = [
            ("timestamp", str),
            ("request_id", str),
            ("row", int),
            ("model_version", str),
            ("input_data", msgspec.Raw),
            ("model_output", outcome_type(definition)),
            ("metadata", msgspec.Raw),
            ("confidence", float | None, None),
            (PROBABILITIES, dict[str, float] | None, None),
            ("task_type", str, ""),
        ]
        self._record = record_decoder(definition, fields)
        self._metadata = msgspec.json.Decoder(_Metadata).decode
        self._outcome = _outcome_text(definition)

    def parse(self, lines: Sequence[bytes]) -> Taken:
        """Read lines into columns."""
        (records, roles, inputs), places = _sorted_out(self._read, lines)
        columns = {
            "request_id": text_array([each.request_id for each in records]),
            "model_version": text_array([each.model_version for each in records]),
            "role": text_array(roles),
            "confidence": number_array([each.confidence for each in records]),
            **self._probabilities(records),
            "input_data": json_array([each.input_data for each in records]),
            "metadata": json_array([each.metadata for each in records]),
            **self._features(inputs),
        }
        return _finish(self._schema, columns, records, "model_output", places)

    def _read(self, lines: Sequence[bytes]) -> tuple[list[Any], list[str], list[tuple[Any, ...]]]:
        # Comprehensions, and as little Python as possible: this is most of a compaction's time.
        read, read_inputs, astuple = self._record, self._inputs, msgspec.structs.astuple
        records = [read(line) for line in lines]
        if self._outcome is not None:
            for record in records:
                record.model_output = self._outcome(record.model_output)
        roles = [self._role(each.metadata) for each in records]
        return records, roles, [astuple(read_inputs(each.input_data)) for each in records]

    def _role(self, metadata: msgspec.Raw) -> str:
        try:
            return self._metadata(metadata).role
        except msgspec.ValidationError:
            return _role_of_others(metadata)

    def _probabilities(self, records: list[Any]) -> dict[str, pa.Array]:
        if not self._definition.evaluation.takes_probabilities:
            return {}
        shares = [each.probabilities for each in records]
        texts = [None if each is None else msgspec.json.encode(each).decode() for each in shares]
        return {PROBABILITIES: pa.array(texts, pa.string())}

    def _features(self, inputs: list[tuple[Any, ...]]) -> dict[str, pa.Array]:
        count = len(self._numeric)
        numbers = np.array([sent[:count] for sent in inputs], dtype=np.float64)
        numbers = numbers.reshape(len(inputs), count)
        found = {
            name: pa.array(np.ascontiguousarray(numbers[:, place]), from_pandas=True)
            for place, name in enumerate(self._numeric)
        }
        for place, name in enumerate(self._texts, count):
            found[name] = pa.array([sent[place] for sent in inputs], pa.string())
        return found


class LabelParser:
    """Reads lines of one model's ground truth; as :class:`PredictionParser` does."""

    def __init__(self, definition: ModelDefinition, schema: pa.Schema) -> None:
        self._definition = definition
        self._schema = schema
        fields: list[Any] = [
            ("timestamp", str),
            ("request_id", str),
            ("row", int),
            ("label", outcome_type(definition)),
            ("observed_at", str),
        ]
        self._record = record_decoder(definition, fields)
        self._outcome = _outcome_text(definition)

    def parse(self, lines: Sequence[bytes]) -> Taken:
        """Read lines into columns."""
        records, places = _sorted_out(self._read, lines)
        columns = {
            "request_id": text_array([each.request_id for each in records]),
            "observed_at": time_array([each.observed_at for each in records]),
        }
        return _finish(self._schema, columns, records, "label", places)

    def _read(self, lines: Sequence[bytes]) -> list[Any]:
        read = self._record
        records = [read(line) for line in lines]
        if self._outcome is not None:
            for record in records:
                record.label = self._outcome(record.label)
        return records


def _sorted_out[Read](
    read: Callable[[Sequence[bytes]], Read], lines: Sequence[bytes]
) -> tuple[Read, tuple[Sequence[int], list[int]]]:
    """Read the lines that can be read; return also their places, and those of the others."""
    try:
        return read(lines), (range(len(lines)), [])
    except _FAULTS:
        pass  # some line cannot be read: read each by itself
    places, left = [], []
    for place, line in enumerate(lines):
        try:
            read((line,))
        except _FAULTS:
            left.append(place)
        else:
            places.append(place)
    return read([lines[place] for place in places]), (places, left)


def _finish(
    schema: pa.Schema,
    columns: dict[str, pa.Array],
    records: list[Any],
    outcome: str,
    lines: tuple[Sequence[int], list[int]],
) -> Taken:
    """Complete the columns, and leave out the rows with a value that is not plainly fine."""
    places, left = lines
    outcomes = [getattr(each, outcome) for each in records]
    numeric = schema.field(outcome).type == pa.float64()
    columns |= {
        "timestamp": time_array([each.timestamp for each in records]),
        "row": row_array([each.row for each in records]),
        outcome: number_array(outcomes) if numeric else pa.array(outcomes, pa.string()),
    }
    table = pa.table([columns[name] for name in schema.names], schema=schema)
    fine = _fine(table, outcome)
    if fine is not None:
        left = sorted(
            [*left, *(place for place, good in zip(places, fine, strict=True) if not good)]
        )
        table = table.filter(pa.array(fine))
    return Taken(table, sorted(left))


def _fine(table: pa.Table, outcome: str) -> list[bool] | None:
    """Say which rows are plainly fine, None if all are."""
    checks = [
        pc.is_valid(table[name])
        for name in ("timestamp", "request_id", "row", "role", "model_version", outcome)
        if name in table.column_names
    ]
    if "observed_at" in table.column_names:
        observed, timestamp = table["observed_at"], table["timestamp"]
        ahead = pc.subtract(observed.cast(pa.int64()), timestamp.cast(pa.int64()))
        checks.append(pc.greater_equal(observed, pa.scalar(EARLIEST, TIME)))
        checks.append(pc.less_equal(ahead, int(LATEST_AHEAD.total_seconds()) * 1_000_000))
    if table[outcome].type == pa.float64():
        checks.append(pc.less_equal(pc.abs(table[outcome]), MAX_NUMBER))
    if "confidence" in table.column_names:
        small = pc.less_equal(pc.abs(table["confidence"]), MAX_NUMBER)
        checks.append(pc.fill_null(small, fill_value=True))
    fine = checks[0]
    for check in checks[1:]:
        fine = pc.and_kleene(fine, check)
    fine = pc.fill_null(fine, fill_value=False)
    return None if pc.all(fine, min_count=0).as_py() else fine.to_pylist()


def _outcome_text(definition: ModelDefinition) -> Callable[[Any], str] | None:
    if definition.task != "classification":
        return None

    # Typed: 1 and True are equal and of different types.
    @lru_cache(maxsize=_KNOWN_CLASSES, typed=True)
    def text(value: Any) -> str:  # noqa: ANN401 - any class
        if fault := label_fault(value, definition):
            raise ValueError(fault)
        return str(value)

    return text
