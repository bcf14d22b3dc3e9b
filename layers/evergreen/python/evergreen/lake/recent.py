"""Recent rows: what a table has already is not added to it again.

Firehose repeats a record as it was, with its timestamp. So only files that overlap in time are
looked at, their timestamps first, and their keys only where a timestamp is the same. A label that
a caller has sent again has another timestamp, and is another row: readers take the last.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import And, GreaterThanOrEqual, LessThanOrEqual, Reference

from evergreen.clock import MICROSECOND
from evergreen.lake.data_files import read_file, time_range
from evergreen.lake.tables import concat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from evergreen.lake.tables import TableKind
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

_TIME = Reference("timestamp")


def files_between(table: Table, first: datetime, last: datetime) -> list[DataFile]:
    """Return the files of a table that can have a row with ``first <= timestamp <= last``."""
    between = And(
        GreaterThanOrEqual(term=_TIME, value=first.astimezone(UTC).isoformat()),
        LessThanOrEqual(term=_TIME, value=last.astimezone(UTC).isoformat()),
    )
    return [task.file for task in table.scan(row_filter=between).plan_files()]


def without_known(
    storage: Storage,
    table: Table,
    kind: TableKind,
    definition: ModelDefinition,
    rows: pa.Table,
    written: Sequence[DataFile],
) -> pa.Table:
    """Return the rows that neither the table has, nor a file that is going to be committed.

    Parameters
    ----------
    rows
        At least one, sorted by time, each once.
    written
        Files that no snapshot has yet.
    """
    first, last = rows["timestamp"][0].as_py(), rows["timestamp"][-1].as_py()
    files = [*files_between(table, first, last), *_overlapping(table, written, first, last)]
    keys = ["timestamp", *kind.key]
    columns = kind.schema(definition, ()).empty_table().select(keys).schema
    times = pc.unique(rows["timestamp"])
    known = []
    for file in files:
        known += _matches(storage, table, definition, file, columns, times)
    if not known:
        return rows
    numbered = rows.select(keys).append_column("_place", pa.array(range(rows.num_rows)))
    left = numbered.join(concat(known, columns), keys=keys, join_type="left anti")["_place"]
    return rows.take(left.take(pc.sort_indices(left)))


def _overlapping(
    table: Table, files: Iterable[DataFile], first: datetime, last: datetime
) -> Iterable[DataFile]:
    for file in files:
        known = time_range(table, file)
        if known is None or (known[0] <= last and known[1] >= first):
            yield file


def _matches(
    storage: Storage,
    table: Table,
    definition: ModelDefinition,
    file: DataFile,
    columns: pa.Schema,
    times: pa.Array,
) -> list[pa.Table]:
    """Return the keys of a file's rows that have one of the timestamps."""
    window = (pc.min(times).as_py(), pc.max(times).as_py() + MICROSECOND)
    found = []
    only = pa.schema([columns.field("timestamp")])
    told = read_file(storage, table, file.file_path, only, definition, window)
    if any(pc.any(pc.is_in(part["timestamp"], times)).as_py() for part in told):
        for part in read_file(storage, table, file.file_path, columns, definition, window):
            same = part.filter(pc.is_in(part["timestamp"], times))
            if same.num_rows:
                found.append(same)
    return found
