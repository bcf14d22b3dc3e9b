"""Strict reading of records: one line of JSON becomes one row, or an error says why not.

A line may come from any version of the program, or from somebody who wrote straight to S3. So
a record is refused if an Arrow column could not hold it or a metric could not use it. Features are
the exception: a definition may retype, rename, add or drop them. A value that does not fit the type
of its column reads as missing, and the column ``input_data`` keeps what was sent.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from evergreen.capture.ground_truth import MAX_NUMBER, label_fault, observed_fault
from evergreen.clock import from_text
from evergreen.model_definition.definition import PROBABILITIES

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.model_definition import Feature, ModelDefinition

_ROWS = range(2**63)


def read_prediction(line: bytes, definition: ModelDefinition) -> dict[str, Any]:
    """Read a line of the request log.

    Returns
    -------
    The row by column, as :meth:`evergreen.lake.tables.TableKind.schema` names them.

    Raises
    ------
    ValueError
        Saying which field is wrong, and why.
    """
    record = _record(line, definition)
    inputs, metadata = _object(record, "input_data"), _object(record, "metadata")
    return {
        "timestamp": _time(record, "timestamp"),
        "request_id": _text(record, "request_id"),
        "row": _row(record),
        "model_version": _text(record, "model_version"),
        "role": _text(metadata, "role"),
        "model_output": _outcome(record, "model_output", definition),
        "confidence": None if record.get("confidence") is None else _finite(record, "confidence"),
        **_probabilities(record, definition),
        **features(inputs, definition),
        "input_data": _json(inputs),
        "metadata": _json(metadata),
    }


def read_label(line: bytes, definition: ModelDefinition) -> dict[str, Any]:
    """Read a line of ground truth; as :func:`read_prediction` does."""
    record = _record(line, definition)
    timestamp, observed = _time(record, "timestamp"), _time(record, "observed_at")
    if fault := observed_fault(observed, timestamp):
        raise ValueError(f"observed_at: {fault}")
    return {
        "timestamp": timestamp,
        "request_id": _text(record, "request_id"),
        "row": _row(record),
        "label": _outcome(record, "label", definition),
        "observed_at": observed,
    }


def features(inputs: dict[str, Any], definition: ModelDefinition) -> dict[str, float | str | None]:
    """Return each feature's value in the type of its column, None where it does not fit."""
    return {
        name: _value(inputs.get(name, inputs.get(each.renamed_from or name)), each)
        for name, each in definition.features.items()
    }


def _probabilities(record: dict[str, Any], definition: ModelDefinition) -> dict[str, str | None]:
    if not definition.evaluation.takes_probabilities:
        return {}
    if record.get(PROBABILITIES) is None:
        return {PROBABILITIES: None}
    shares = _object(record, PROBABILITIES)
    return {PROBABILITIES: _json({name: _finite(shares, name) for name in shares})}


def _value(value: object, feature: Feature) -> float | str | None:
    if not feature.is_numeric:
        return value if isinstance(value, str) else None
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _json(value: dict[str, Any]) -> str:
    # Strict: 1e999 is JSON, reads as infinity, and could not be written again.
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _record(line: bytes, definition: ModelDefinition) -> dict[str, Any]:
    # This parser refuses NaN, lone surrogates, and nesting without end.
    record = from_json(line, allow_inf_nan=False)
    if not isinstance(record, dict):
        raise ValueError("not an object")  # noqa: TRY004 - what is no record is a ValueError
    # A record that does not say its model is of the one in whose prefix it lies.
    if record.get("model", definition.name) != definition.name:
        raise ValueError(f"model: must be {definition.name!r}")
    return record


def _object(record: dict[str, Any], name: str) -> dict[str, Any]:
    value = record.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"{name}: must be an object")  # noqa: TRY004
    return value


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name}: must be a string")
    return value


def _time(record: dict[str, Any], name: str) -> datetime:
    try:
        return from_text(_text(record, name))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _row(record: dict[str, Any]) -> int:
    value = record.get("row")
    if type(value) is not int or value not in _ROWS:
        raise ValueError("row: must be a row number, from 0 to what 64 bits hold")
    return value


def _finite(record: dict[str, Any], name: str) -> float:
    value = record.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > MAX_NUMBER:
        raise ValueError(f"{name}: must be a number of at most {MAX_NUMBER:.2g} in size")
    return float(value)


def _outcome(record: dict[str, Any], name: str, definition: ModelDefinition) -> str | float:
    value = record.get(name)
    if fault := label_fault(value, definition):
        raise ValueError(f"{name}: {fault}")
    if definition.task == "classification":
        return str(value)
    return _finite(record, name)
