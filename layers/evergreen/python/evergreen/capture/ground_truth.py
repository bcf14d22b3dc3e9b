"""Ground truth: what turned out to be right, sent later and joined by request and row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evergreen.clock import from_text, to_text
from evergreen.errors import MAX_FIELD_ERRORS, FieldError, RequestError

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.model_definition import ModelDefinition

MAX_LABELS = 5000
MAX_REQUEST_ID = 128
_FIELDS = ("request_id", "row", "label", "observed_at")


def labels_landing_prefix(model: str) -> str:
    """Return the S3 prefix at which Firehose lands the model's ground truth."""
    return f"labels/raw/model={model}/"


def label_records(
    body: object, *, definition: ModelDefinition, timestamp: datetime
) -> list[dict[str, Any]]:
    """Turn a ground-truth body into records.

    Parameters
    ----------
    body
        A list of ``{"request_id", "row", "label", "observed_at"}``; ``row`` defaults to 0 and
        ``observed_at`` to now. Repeats are welcome: the last one to arrive counts.
    timestamp
        When the labels came in.

    Raises
    ------
    RequestError
        422 naming each field at fault, 413 for too many labels.
    """
    if not isinstance(body, list) or not body:
        expected = "a list of objects with request_id, row, label, observed_at"
        raise RequestError(422, f"ground truth must be {expected}", (FieldError("$", expected),))
    if len(body) > MAX_LABELS:
        raise RequestError(413, f"{len(body)} labels; send at most {MAX_LABELS} at a time")
    faults: list[FieldError] = []
    records = []
    for number, item in enumerate(body):
        found = _faults(item, f"$[{number}]", definition)
        faults += found
        if not found:
            observed = item.get("observed_at")
            records.append(
                {
                    "timestamp": to_text(timestamp),
                    "request_id": item["request_id"],
                    "row": item.get("row", 0),
                    "model": definition.name,
                    "label": item["label"],
                    "observed_at": to_text(from_text(observed) if observed else timestamp),
                }
            )
        if len(faults) >= MAX_FIELD_ERRORS:
            break
    if faults:
        raise RequestError(422, "ground truth is not valid", tuple(faults[:MAX_FIELD_ERRORS]))
    return records


def _faults(item: object, path: str, definition: ModelDefinition) -> list[FieldError]:
    if not isinstance(item, dict):
        return [FieldError(path, "must be an object with request_id, row, label, observed_at")]
    faults = [
        FieldError(f"{path}.{name}", f"unknown field; allowed: {', '.join(_FIELDS)}")
        for name in item
        if name not in _FIELDS
    ]
    request_id = item.get("request_id")
    if not isinstance(request_id, str) or not 0 < len(request_id) <= MAX_REQUEST_ID:
        faults.append(FieldError(f"{path}.request_id", "must be the request_id of a prediction"))
    row = item.get("row", 0)
    if not isinstance(row, int) or isinstance(row, bool) or row < 0:
        faults.append(FieldError(f"{path}.row", "must be a row number, 0 or greater"))
    faults += _label_faults(item, path, definition)
    return faults + _time_faults(item.get("observed_at"), path)


def _label_faults(item: dict[str, Any], path: str, definition: ModelDefinition) -> list[FieldError]:
    label = item.get("label")
    if definition.task == "classification":
        if not isinstance(label, str | int) or label == "":
            return [FieldError(f"{path}.label", "must be a class: a string, integer or boolean")]
    elif not isinstance(label, int | float) or isinstance(label, bool):
        return [FieldError(f"{path}.label", "must be a number")]
    return []


def _time_faults(observed: object, path: str) -> list[FieldError]:
    if observed is None:
        return []
    if not isinstance(observed, str):
        return [FieldError(f"{path}.observed_at", "must be text such as 2026-01-31T08:00:00Z")]
    try:
        from_text(observed)
    except ValueError as error:
        return [FieldError(f"{path}.observed_at", str(error))]
    return []
