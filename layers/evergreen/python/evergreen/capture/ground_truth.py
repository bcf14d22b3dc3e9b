"""Ground truth: labels that callers send later, joined to predictions by request and row.

A label that could not be read later, or would mean nothing, is refused here, with the name of the
field. Readers of the records (:mod:`evergreen.lake`) apply the same limits.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from evergreen.capture.request_log import MAX_ROWS, is_request_id
from evergreen.clock import from_text, to_text
from evergreen.errors import MAX_FIELD_ERRORS, FieldError, RequestError

if TYPE_CHECKING:
    from evergreen.bundle.content import Signature
    from evergreen.model_definition import GroundTruth, ModelDefinition

MAX_LABELS = 5000
MAX_CLASS_LENGTH = 256
MAX_NUMBER = 3.4028234663852886e38
"""The largest 32-bit float: as for features. Its square still fits 64 bits, so RMSE exists."""
INTEGER_CLASSES = range(-(2**63), 2**63)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""The earliest time of an observation. An earlier time is a default or has a wrong unit."""
LATEST_AHEAD = timedelta(days=1)
"""How far an observation may lie after its report, for time zones and wrong clocks."""
_FIELDS = ("request_id", "row", "label", "observed_at")
_ALLOWED = ", ".join(_FIELDS)
_LONGEST_NAME = 64
_LONGEST_TIME = 64
_NAMED_CLASSES = 20
_JSON_TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool}
_WORDS = {"string": "a string", "integer": "an integer", "boolean": "true or false"}


class RepeatedKeys(dict[str, Any]):
    """A JSON object in which a key stood more than once; ``repeated`` names it."""

    repeated: str = ""


def labels_landing_prefix(model: str) -> str:
    """Return the S3 prefix at which Firehose lands the model's ground truth."""
    return f"labels/raw/model={model}/"


def parse_labels(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Read a body that is known to be JSON, and mark each object that has a key twice.

    A JSON parser would take the last of two labels, but nobody knows which one was meant.
    """
    return json.loads(body, object_pairs_hook=_object)


def label_records(
    body: object,
    *,
    definition: ModelDefinition,
    timestamp: datetime,
    signature: Signature | None = None,
) -> list[dict[str, Any]]:
    """Turn a ground-truth body into records, all of it or nothing.

    Parameters
    ----------
    body
        A list of ``{"request_id", "row", "label", "observed_at"}``; ``row`` defaults to 0 and
        ``observed_at`` to now. Repeats are allowed: the last one to arrive counts.
    timestamp
        When the labels came in.
    definition
        The model's. Its ``ground_truth`` says which labels can be right.
    signature
        That of the model that serves, to hold classes against; without it their type is open.

    Raises
    ------
    RequestError
        422 naming each field at fault, 413 for too many labels.
    """
    if not isinstance(body, list) or not body:
        what = "must be a list of at least one object with request_id, row, label, observed_at"
        raise RequestError(422, f"ground truth {what}", (FieldError("$", what),))
    if len(body) > MAX_LABELS:
        raise RequestError(413, f"{len(body)} labels; send at most {MAX_LABELS} at a time")
    faults: list[FieldError] = []
    records = []
    for number, item in enumerate(body):
        found = label_record(
            item, f"$[{number}]", definition=definition, timestamp=timestamp, signature=signature
        )
        if isinstance(found, dict):
            records.append(found)
        else:
            faults += found
        if len(faults) >= MAX_FIELD_ERRORS:
            break
    if faults:
        what = "ground truth is not valid, and none of it was taken"
        if len(faults) >= MAX_FIELD_ERRORS:
            what += f"; these are the first {MAX_FIELD_ERRORS} faults"
        raise RequestError(422, what, tuple(faults[:MAX_FIELD_ERRORS]))
    return records


def label_record(
    item: object,
    path: str,
    *,
    definition: ModelDefinition,
    timestamp: datetime,
    signature: Signature | None,
) -> dict[str, Any] | list[FieldError]:
    """Turn one item of ground truth into a record, or say what is wrong with each of its fields.

    Parameters
    ----------
    item
        As in :func:`label_records`.
    path
        Where it stands, for the paths of its faults.
    """
    faults = _faults(item, path, definition, timestamp, signature)
    if faults or not isinstance(item, dict):
        return faults
    observed = item.get("observed_at")
    return {
        "timestamp": to_text(timestamp),
        "request_id": item["request_id"],
        "row": item.get("row", 0),
        "model": definition.name,
        "label": item["label"],
        "observed_at": to_text(from_text(observed) if observed else timestamp),
    }


def label_fault(label: object, definition: ModelDefinition) -> str | None:
    """Say why a value cannot be a label of the model, or return None if it can."""
    if definition.task == "classification":
        return _class_fault(label)
    if not isinstance(label, int | float) or isinstance(label, bool):
        return "must be a number"
    # NaN too is not at most anything.
    return None if abs(label) <= MAX_NUMBER else f"must be at most {MAX_NUMBER:.2g} in size"


def observed_fault(observed: datetime, timestamp: datetime) -> str | None:
    """Say why what arrived at ``timestamp`` was not observed then, or None if it may have been."""
    if observed < EARLIEST:
        return f"is before {EARLIEST.year}"
    if observed - timestamp > LATEST_AHEAD:
        return "is in the future"
    return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) == len(pairs):
        return content
    marked = RepeatedKeys(content)
    (marked.repeated, _), *_ = Counter(key for key, _ in pairs).most_common(1)
    return marked


def _faults(
    item: object,
    path: str,
    definition: ModelDefinition,
    timestamp: datetime,
    signature: Signature | None,
) -> list[FieldError]:
    if not isinstance(item, dict):
        return [FieldError(path, "must be an object with request_id, row, label, observed_at")]
    faults = [
        FieldError(f"{path}.{name[:_LONGEST_NAME]}", f"unknown field; allowed: {_ALLOWED}")
        for name in item
        if name not in _FIELDS
    ]
    if isinstance(item, RepeatedKeys):
        name = item.repeated[:_LONGEST_NAME]
        faults.append(FieldError(f"{path}.{name}", "is given more than once"))
    label = item.get("label")
    named = {
        "request_id": _request_id_fault(item.get("request_id")),
        "row": _row_fault(item.get("row", 0)),
        "label": label_fault(label, definition)
        or _type_fault(label, signature)
        or _implausible(label, definition.ground_truth),
        "observed_at": _time_fault(item.get("observed_at"), timestamp),
    }
    found = {name: message for name, message in named.items() if message is not None}
    return faults + [FieldError(f"{path}.{name}", message) for name, message in found.items()]


def _request_id_fault(value: object) -> str | None:
    if isinstance(value, str) and is_request_id(value):
        return None
    return "must be the request_id that a prediction was answered with, not an id of your own"


def _row_fault(value: object) -> str | None:
    if type(value) is int and 0 <= value < MAX_ROWS:
        return None
    return f"must be a row number, 0 to {MAX_ROWS - 1}"


def _class_fault(label: object) -> str | None:
    if isinstance(label, str):
        fits = 0 < len(label) <= MAX_CLASS_LENGTH
        return None if fits else f"must be a class: 1 to {MAX_CLASS_LENGTH} characters"
    if isinstance(label, int):
        return None if label in INTEGER_CLASSES else "must be a class: an integer of 64 bits"
    return "must be a class: a string, integer or boolean"


def _type_fault(label: object, signature: Signature | None) -> str | None:
    """Refuse a label that is no class of the model and could not become one: another type."""
    if signature is None or signature.classes is None or str(label) in signature.classes:
        return None
    if type(label) is _JSON_TYPES[signature.class_type]:
        return None
    return f"must be {_WORDS[signature.class_type]}, as the model's classes are"


def _implausible(label: object, truth: GroundTruth) -> str | None:
    """Refuse a label that no reader would use."""
    if truth.classes is not None and str(label) not in truth.classes:
        known = ", ".join(truth.classes[:_NAMED_CLASSES])
        known += ", …" if len(truth.classes) > _NAMED_CLASSES else ""
        return (
            f"must be a class of the model ({known}); "
            "a new class belongs into [ground_truth] classes of model.toml"
        )
    if isinstance(label, int | float):
        for bound, word, outside in (
            (truth.min, "at least", truth.min is not None and label < truth.min),
            (truth.max, "at most", truth.max is not None and label > truth.max),
        ):
            if outside:
                return (
                    f"must be {word} {bound:g} to be plausible; "
                    "[ground_truth] of model.toml can say otherwise"
                )
    return None


def _time_fault(observed: object, timestamp: datetime) -> str | None:
    if observed is None:
        return None
    if not isinstance(observed, str) or len(observed) > _LONGEST_TIME:
        return "must be text such as 2026-01-31T08:00:00Z"
    try:
        return observed_fault(from_text(observed), timestamp)
    except ValueError as error:
        return str(error)
