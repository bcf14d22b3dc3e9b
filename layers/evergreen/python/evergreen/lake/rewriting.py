"""Rewriting: small files of a day become one, a group of rows at a time.

Files are rewritten together only if they have the same columns. A file without the column of a
feature is read from what was sent; with an empty column it would not be.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evergreen.lake.data_files import GROUP_ROWS, FileWriter, ids_of
from evergreen.lake.table_schema import FIELD_ID, column_types
from evergreen.lake.tables import concat

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from evergreen.lake.tables import TableKind
    from evergreen.storage import Storage

FULL_FILE_BYTES = 512 * 1024 * 1024
"""Size at which a file is full, and another one is begun."""
_MOST_WAITING = 4 * GROUP_ROWS


def rewritten(
    storage: Storage, table: Table, kind: TableKind, files: Sequence[DataFile], day: int
) -> Iterator[tuple[list[DataFile], list[DataFile]]]:
    """Yield files of a day that belong together, and the new ones with the same rows.

    Parameters
    ----------
    files
        Small files of one day.
    day
        Days since 1970.

    Raises
    ------
    FileNotFoundError
        If one of them is gone.
    """
    alike: dict[frozenset[int], list[DataFile]] = defaultdict(list)
    for file in files:
        with (
            storage.open(storage.key(file.file_path)) as body,
            pq.ParquetFile(body) as opened,
        ):
            alike[frozenset(ids_of(opened.schema_arrow))].append(file)
    for ids, together in alike.items():
        if len(together) > 1:
            columns = columns_of_file(table, ids)
            yield together, _write(storage, table, kind, together, columns, day)


def columns_of_file(table: Table, ids: frozenset[int]) -> pa.Schema:
    """Return the columns of a table that a file has, by their ids, as they are called now."""
    return pa.schema(
        [
            pa.field(name, kind, metadata={FIELD_ID: str(number)})
            for number, (name, kind) in column_types(table.schema()).items()
            if number in ids
        ]
    )


def _write(
    storage: Storage,
    table: Table,
    kind: TableKind,
    files: Sequence[DataFile],
    columns: pa.Schema,
    day: int,
) -> list[DataFile]:
    new, writer = [], FileWriter(storage, table, columns, day)
    for rows in _merged(storage, kind, files, columns):
        if writer.size >= FULL_FILE_BYTES:
            new.append(writer.close())
            writer = FileWriter(storage, table, columns, day)
        writer.write(rows)
    return [*new, writer.close()]


@dataclass(frozen=True, slots=True)
class _Group:
    """A group of rows of an open file, and its first timestamp."""

    first: datetime
    file: pq.ParquetFile
    number: int

    def read(self, columns: pa.Schema) -> pa.Table:
        names = ids_of(self.file.schema_arrow)
        order = [names[int(column.metadata[FIELD_ID])] for column in columns]
        rows = self.file.read_row_group(self.number, order).select(order)
        return rows.rename_columns(columns.names).cast(columns)


def _merged(
    storage: Storage,
    kind: TableKind,
    files: Sequence[DataFile],
    columns: pa.Schema,
) -> Iterator[pa.Table]:
    """Yield the rows of files, sorted by time, each once.

    A row is given out when no group that is still unread begins before it. So only groups that
    overlap in time are held, and at most so many rows.
    """
    with ExitStack() as stack:
        groups: list[_Group] = []
        for file in files:
            body = stack.enter_context(storage.open(storage.key(file.file_path)))
            opened = stack.enter_context(pq.ParquetFile(body, pre_buffer=True))
            groups += _groups(opened, columns)
        groups.sort(key=lambda group: group.first)
        waiting = columns.empty_table()
        for place, group in enumerate(groups):
            waiting = kind.deduplicated(concat([waiting, group.read(columns)], columns))
            last = place == len(groups) - 1
            if last or waiting.num_rows > _MOST_WAITING:
                ready = waiting.num_rows
            else:
                limit = pa.scalar(groups[place + 1].first, columns.field("timestamp").type)
                ready = pc.sum(pc.less(waiting["timestamp"], limit), min_count=0).as_py()
            if ready and (last or ready >= GROUP_ROWS):
                yield waiting.slice(0, ready)
                waiting = waiting.slice(ready)


def _groups(file: pq.ParquetFile, columns: pa.Schema) -> Iterator[_Group]:
    ids = list(ids_of(file.schema_arrow))
    time = ids.index(int(columns.field("timestamp").metadata[FIELD_ID]))
    for number in range(file.num_row_groups):
        found = file.metadata.row_group(number).column(time).statistics
        yield _Group(found.min, file, number)
