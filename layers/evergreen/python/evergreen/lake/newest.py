"""Rows of the request log, the newest first."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from evergreen.lake.tables import REQUEST_LOG
from evergreen.model_definition.definition import PROBABILITIES

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from evergreen.lake.reader import Lake
    from evergreen.model_definition import ModelDefinition

_FIRST_STEP = timedelta(minutes=15)


def newest_rows(
    lake: Lake,
    definition: ModelDefinition,
    window: tuple[datetime, datetime],
    limit: int,
    columns: Collection[str] | None = None,
) -> pa.Table:
    """Return the newest rows of a window, the newest first.

    It looks back from the end in steps that grow, so that a few rows of a long log are found
    without reading all of it. In a step at most ``limit`` rows and one batch are held.

    Parameters
    ----------
    lake, definition
        The lake, and the model.
    window
        Start and end: ``start <= timestamp < end``.
    limit
        The number of rows, if there are as many.
    columns
        As in :meth:`evergreen.lake.reader.Lake.batches`.
    """
    start, until = window
    found = REQUEST_LOG.schema(definition, columns).empty_table()
    step = _FIRST_STEP
    while until > start and found.num_rows < limit:
        since = max(start, until - step)
        part = found.slice(0, 0)
        for rows in lake.batches(REQUEST_LOG, definition, since, until, columns):
            both = REQUEST_LOG.deduplicated(
                pa.concat_tables([part, rows.select(found.schema.names)])
            )
            part = both.slice(max(both.num_rows - (limit - found.num_rows), 0))
        found = pa.concat_tables([part, found])
        until, step = since, step * 4
    return found.take(pa.array(range(found.num_rows)[::-1], pa.int64()))


def as_documents(rows: pa.Table) -> list[dict[str, Any]]:
    """Return rows of all columns as JSON has them: features as they were sent, by name."""
    names = ("timestamp", "request_id", "row", "model_version", "role", "model_output")
    return [
        {name: row[name] for name in (*names, "confidence")}
        | {name: json.loads(row[name]) for name in ("input_data", "metadata")}
        | {name: json.loads(row[name]) for name in (PROBABILITIES,) if row.get(name)}
        for row in rows.to_pylist()
    ]
