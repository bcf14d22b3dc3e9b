"""The newest rows of the request log with their labels, from the objects that have just landed.

They are read from the raw objects and not from the table, so that a row is there seconds after its
answer and nothing but JSON is needed. Only the end of each object is read: what is asked for is a
hundred rows, however large the traffic is. Features that a definition excludes were never written.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from evergreen.capture.ground_truth import labels_landing_prefix
from evergreen.capture.request_log import request_log_landing_prefix
from evergreen.clock import Moment, from_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.storage import Storage, StoredObject

NEWEST_REQUESTS = 100
"""The number of rows that are shown."""
REQUEST_DAYS = 7
"""How many days back rows are searched."""
_TAIL = 256 * 1024
"""Bytes of an object that are read: some hundred rows."""
_LABEL_TAIL = 2 * 1024 * 1024
"""The same for labels, which are small and come in other orders than their rows."""
_OBJECTS = 20
"""The number of objects whose ends are read, of rows and of labels."""


class LoggedRequest(BaseModel):
    """One answered row, and its label if that is known."""

    model_config = ConfigDict(frozen=True)

    timestamp: Moment
    request_id: str
    row: int
    model_version: str
    features: dict[str, Any]
    """As they were sent, without those that are not logged."""
    output: int | float | str | bool | None
    confidence: float | None
    label: int | float | str | bool | None
    labelled: bool
    """Whether ground truth was found for it among the labels that came in since."""


def newest_requests(storage: Storage, model: str, now: datetime) -> tuple[LoggedRequest, ...]:
    """Return the newest rows that the champion answered, the newest first.

    Parameters
    ----------
    storage
        The data bucket.
    model
        Name of the model.
    now
        The end of what is searched, aware.
    """
    records: list[dict[str, Any]] = []
    landed = _landed(storage, request_log_landing_prefix(model), now)
    for item in islice(landed, _OBJECTS):
        records += [line for line in _tail(storage, item, _TAIL) if _is_answer(line)]
        if len(records) >= NEWEST_REQUESTS:
            break
    # Firehose may repeat a record.
    once = {(each["request_id"], each["row"]): each for each in records}
    newest = sorted(once.values(), key=_place, reverse=True)[:NEWEST_REQUESTS]
    labels = _labels(storage, model, newest, now) if newest else {}
    return tuple(_shown(each, labels) for each in newest)


def _landed(storage: Storage, prefix: str, now: datetime) -> Iterator[StoredObject]:
    """Yield the objects of the last days, the newest first."""
    for days in range(REQUEST_DAYS):
        day = now - timedelta(days=days)
        yield from sorted(
            storage.list(f"{prefix}{day:%Y/%m/%d}/"), key=lambda item: item.modified, reverse=True
        )


def _tail(storage: Storage, item: StoredObject, most: int) -> list[dict[str, Any]]:
    """Return the last records of an object; what is no JSON object is left out."""
    with storage.open(item.key) as body:
        body.seek(max(item.size - most, 0))
        read = body.read()
    lines = read.splitlines()[1 if item.size > most else 0 :]
    return [record for line in lines if isinstance(record := _parsed(line), dict)]


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _is_answer(record: dict[str, Any]) -> bool:
    metadata = record.get("metadata")
    has_all = {"timestamp", "request_id", "row", "model_output", "input_data"} <= record.keys()
    return has_all and isinstance(metadata, dict) and metadata.get("role") == "champion"


def _place(record: dict[str, Any]) -> tuple[str, int]:
    return str(record["timestamp"]), -int(record["row"])


def _labels(
    storage: Storage, model: str, rows: list[dict[str, Any]], now: datetime
) -> dict[tuple[str, int], Any]:
    """Return the labels that came in since the oldest row; of two labels the later counts."""
    oldest = from_text(rows[-1]["timestamp"])
    found: dict[tuple[str, int], tuple[str, Any]] = {}
    for item in islice(_landed(storage, labels_landing_prefix(model), now), _OBJECTS):
        if item.modified < oldest:
            break
        for line in _tail(storage, item, _LABEL_TAIL):
            key, sent = (line.get("request_id", ""), line.get("row", 0)), line.get("timestamp", "")
            if "label" in line and (key not in found or found[key][0] <= sent):
                found[key] = (sent, line["label"])
    return {key: label for key, (_, label) in found.items()}


def _shown(record: dict[str, Any], labels: dict[tuple[str, int], Any]) -> LoggedRequest:
    key = (record["request_id"], record["row"])
    return LoggedRequest(
        timestamp=record["timestamp"],
        request_id=record["request_id"],
        row=record["row"],
        model_version=str(record.get("model_version", "")),
        features=record["input_data"],
        output=record["model_output"],
        confidence=record.get("confidence"),
        label=labels.get(key),
        labelled=key in labels,
    )
