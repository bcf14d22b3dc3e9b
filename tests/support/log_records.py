"""Records of the request log, as the inference function writes them, for tests of its readers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evergreen.capture.lines import to_lines
from evergreen.capture.request_log import RequestLogWriter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.model_definition import ModelDefinition


def request_records(
    *, definition: ModelDefinition, rows: Sequence[Mapping[str, Any]], **more: Any
) -> list[dict[str, Any]]:
    """Return the records of one request; a feature that a row does not have is null."""
    written = {name: [row.get(name) for row in rows] for name in definition.features}
    lines = RequestLogWriter(definition).lines(written=written, **more)
    return [json.loads(line) for line in lines.splitlines()]


def encode(record: object) -> bytes:
    """Return one record as a line."""
    return to_lines([record])
