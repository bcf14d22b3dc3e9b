"""The outcome of an import: how many of its labels belong to a logged prediction."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from evergreen.lake.reader import CLOCK_SKEW, EARLIEST_LANDING
from evergreen.lake.tables import TIMESTAMP_TYPE
from evergreen.lake.unjoined import MAX_EXAMPLES, without_prediction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from evergreen.lake.label_import import ImportProgress
    from evergreen.lake.reader import Lake
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

CHUNK_LABELS = 1_000_000
"""Labels that are held in memory at a time; the log's keys are read once for each chunk."""
_KEYS = pa.schema(
    [("request_id", pa.string()), ("row", pa.int64()), ("observed_at", TIMESTAMP_TYPE)]
)


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What became of the labels of an import.

    Parameters
    ----------
    joined
        Labels of a logged row, predicted at most ``label_wait`` before the import began.
    waiting
        Labels of no such row that may still be on its way to the log.
    unknown
        Labels of no such row, known too long ago for that.
    removed
        Labels of raw objects that are gone: compaction removes them once they are old.
    examples
        Some request ids of the unknown labels, five at most.
    """

    joined: int
    waiting: int
    unknown: int
    removed: int
    examples: tuple[str, ...]


def find_outcome(
    storage: Storage,
    lake: Lake,
    definition: ModelDefinition,
    progress: ImportProgress,
    *,
    known_at: datetime,
    now: datetime,
) -> ImportOutcome:
    """Look up the labels of an import in the request log.

    Parameters
    ----------
    storage, lake, definition
        The data bucket, its lake, and the model.
    progress
        The import.
    known_at
        A time at which the file's labels were known, such as the time it was last changed. A row
        was predicted before its label was known.
    now
        The end of the log.
    """
    since = progress.started_at - definition.retraining.label_wait - CLOCK_SKEW
    # What was known before this was predicted earlier still, and has landed.
    limit = now - EARLIEST_LANDING
    total = waiting = unknown = 0
    examples: dict[str, None] = {}
    for labels in _chunks(storage, progress):
        total += labels.num_rows
        left = without_prediction(lake, definition, labels, since, now + CLOCK_SKEW)
        old = left
        if known_at >= limit:
            old = left.filter(pc.less(left["observed_at"], pa.scalar(limit, TIMESTAMP_TYPE)))
        unknown += old.num_rows
        waiting += left.num_rows - old.num_rows
        # A join gives rows in any order. The same import shall name the same examples.
        ids = pc.unique(old["request_id"]).sort()
        examples |= dict.fromkeys(ids.slice(0, MAX_EXAMPLES).to_pylist())
    return ImportOutcome(
        joined=total - waiting - unknown,
        waiting=waiting,
        unknown=unknown,
        removed=progress.accepted - total,
        examples=tuple(examples)[:MAX_EXAMPLES],
    )


def _chunks(storage: Storage, progress: ImportProgress) -> Iterator[pa.Table]:
    """Yield the keys of the labels that were written."""
    tables: list[pa.Table] = []
    for key in progress.objects:
        body = storage.get(key)
        if body:
            tables.append(_keys(body))
        if sum(table.num_rows for table in tables) >= CHUNK_LABELS:
            yield pa.concat_tables(tables)
            tables = []
    if tables:
        yield pa.concat_tables(tables)


def _keys(body: bytes) -> pa.Table:
    return pyarrow.json.read_json(
        io.BytesIO(body),
        parse_options=pyarrow.json.ParseOptions(
            explicit_schema=_KEYS, unexpected_field_behavior="ignore"
        ),
    )
