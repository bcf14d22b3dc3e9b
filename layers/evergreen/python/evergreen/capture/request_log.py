"""The request log: one record per predicted row."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from evergreen.clock import to_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from evergreen.model_definition import ModelDefinition

REQUEST_LOG_SCHEMA_VERSION = 1
MAX_ROWS = 5000
"""The largest number of rows in one request, and so the limit of row numbers."""


def request_log_landing_prefix(model: str) -> str:
    """Return the S3 prefix at which Firehose lands the model's request log."""
    return f"request-log/raw/model={model}/"


def new_request_id() -> str:
    """Return a name for a request: a random UUID, in its usual form."""
    return str(uuid.uuid4())


def is_request_id(text: str) -> bool:
    """Say whether :func:`new_request_id` could have returned this."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def request_records(
    *,
    timestamp: datetime,
    request_id: str,
    definition: ModelDefinition,
    model_version: str,
    rows: Sequence[Mapping[str, Any]],
    outputs: Sequence[Any],
    confidences: Sequence[float] | None,
    metadata: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Build the records of one request, one for each of its rows.

    Parameters
    ----------
    timestamp
        When the request came in.
    rows
        The rows as the caller sent them, by feature name; redacted features are left out.
    outputs, confidences
        One per row; ``confidences`` is None for tasks that have none.
    metadata
        Further fields to keep; ``schema_version`` is added.

    Raises
    ------
    ValueError
        If rows, outputs and confidences differ in number.
    """
    scores = [None] * len(rows) if confidences is None else confidences
    moment = to_text(timestamp)
    redact = frozenset(definition.request_log.redact)
    about = {**metadata, "schema_version": REQUEST_LOG_SCHEMA_VERSION}
    return [
        {
            "timestamp": moment,
            "request_id": request_id,
            "row": number,
            "model": definition.name,
            "model_version": model_version,
            "task_type": definition.task,
            "input_data": {name: row[name] for name in row if name not in redact},
            "model_output": output,
            "confidence": score,
            "metadata": about,
        }
        for number, (row, output, score) in enumerate(zip(rows, outputs, scores, strict=True))
    ]
