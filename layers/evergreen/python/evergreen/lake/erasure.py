"""Erasure from the lake: rows leave raw objects, rejected lines and tables for good.

A table's older snapshots are given up with it: they have the files in which the rows were. Each
step leaves a lake that can be read, and does nothing if it was done before. So an erasure that was
killed is completed by the next one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.expressions import AlwaysTrue

from evergreen.errors import EvergreenError
from evergreen.lake.commits import CONFLICTS, replace
from evergreen.lake.data_files import FileWriter, ids_of, time_range
from evergreen.lake.rewriting import columns_of_file
from evergreen.lake.table_schema import FIELD_ID
from evergreen.lake.tables import LABELS, REQUEST_LOG, TableKind
from evergreen.lake.upkeep import named_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from evergreen.lake.catalog import LakeCatalog
    from evergreen.lake.erased_rows import ErasedRows
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage, StoredObject

_ATTEMPTS = 5
UNFINISHED_AGE = timedelta(hours=1)
"""Age from which no compaction can still be about to commit a file; a function runs 15 minutes."""


class ErasureError(EvergreenError):
    """Rows could not be erased from one of the places where they are."""


class LakeErasure:
    """The erasure of rows from the lake of one model.

    Parameters
    ----------
    storage, catalog
        The data bucket and its tables.
    definition
        The model's.
    erased
        The rows.
    """

    def __init__(
        self,
        storage: Storage,
        catalog: LakeCatalog,
        definition: ModelDefinition,
        erased: ErasedRows,
    ) -> None:
        self._storage = storage
        self._catalog = catalog
        self._definition = definition
        self._model = definition.name
        self._erased = erased

    def timestamps(self, kind: TableKind) -> Iterator[datetime]:
        """Yield the timestamps of the erased rows that the raw objects and the table have."""
        for _, lines in self._raw(kind.landing_prefix(self._model)):
            for line in lines:
                if self._erased.in_line(line):
                    yield from _timestamp_of(line)
        table = self._catalog.load(kind, self._model)
        for file in _files(table):
            for rows in _keys(self._storage, table, self._key(file)):
                yield from rows.filter(self._erased.among(rows))["timestamp"].to_pylist()

    def erase_rejected(self, kind: TableKind) -> int:
        """Erase rejected lines that are, or mention, an erased row; return how many."""
        return self._rewrite_lines(kind.rejected_prefix(self._model), _rejected_line)

    def erase_raw(self, kind: TableKind) -> int:
        """Erase the rows from raw objects; return how many lines there were."""
        return self._rewrite_lines(kind.landing_prefix(self._model), lambda line: line)

    def erase_table(self, kind: TableKind) -> int:
        """Erase the rows from the table and from all that is left of its past; return how many.

        Raises
        ------
        ErasureError
            If other commits came first each time.
        """
        count = 0
        for _ in range(_ATTEMPTS):
            table = self._catalog.load(kind, self._model)
            if table is None:
                return count
            try:
                for file in _files(table):
                    count += self._replace(table, file)
                    table.refresh()
                self._forget_past(table)
            except CONFLICTS:
                continue
            return count + self._remove_unfinished(kind)
        raise ErasureError(
            "other commits came first each time",
            where=kind.table_name(self._model),
            fix="Run the command again.",
        )

    def remaining(self) -> int:
        """Return how many of the rows are still in a raw object or a table."""
        return sum(1 for kind in (REQUEST_LOG, LABELS) for _ in self.timestamps(kind))

    def _raw(self, prefix: str) -> Iterator[tuple[StoredObject, list[bytes]]]:
        for item in self._storage.list(prefix):
            yield item, (self._storage.get(item.key) or b"").splitlines(keepends=True)

    def _rewrite_lines(self, prefix: str, record_in: Callable[[bytes], bytes]) -> int:
        count = 0
        for item, lines in self._raw(prefix):
            kept = [line for line in lines if not self._erased.in_line(record_in(line))]
            if len(kept) == len(lines):
                continue
            if kept:
                self._storage.put(item.key, b"".join(kept))
            else:
                self._storage.delete(item.key)
            count += len(lines) - len(kept)
        return count

    def _replace(self, table: Table, file: DataFile) -> int:
        """Replace a file by one without the erased rows; return how many it had."""
        key = self._key(file)
        count = self._count(table, key)
        if not count:
            return 0
        new: list[DataFile] = []
        if count < file.record_count:
            with self._storage.open(key) as body, pq.ParquetFile(body) as opened:
                columns = columns_of_file(table, frozenset(ids_of(opened.schema_arrow)))
                writer = FileWriter(self._storage, table, columns, file.partition[0])
                for group in range(opened.num_row_groups):
                    rows = _as_now(opened.read_row_group(group), columns)
                    kept = rows.filter(pc.invert(self._erased.among(rows)))
                    if kept.num_rows:
                        writer.write(kept)
                new.append(writer.close())
        replace(table, [file], new)
        return count

    def _forget_past(self, table: Table) -> None:
        """Delete what only older snapshots name, and let these expire.

        The files go first: were they the last, a killed run would leave them with no name.
        """
        table.refresh()
        current = {self._key(file) for file in _files(table)}
        before = {self._storage.key(place) for place in named_files(table)}
        self._storage.delete_all(
            [key for key in before if key.endswith(".parquet") and key not in current]
        )
        heads = {reference.snapshot_id for reference in table.metadata.refs.values()}
        old = [
            each.snapshot_id for each in table.metadata.snapshots if each.snapshot_id not in heads
        ]
        if old:
            table.maintenance.expire_snapshots().by_ids(old).commit()
            table.refresh()
        named = {self._storage.key(place) for place in named_files(table)}
        self._storage.delete_all(sorted(before - named))

    def _remove_unfinished(self, kind: TableKind) -> int:
        """Delete files with erased rows that no snapshot names, and that nobody will commit."""
        table = self._catalog.load(kind, self._model)
        named = {self._key(file) for file in _files(table)}
        count = 0
        for item in self._storage.list(f"{kind.table_prefix(self._model)}data/"):
            if item.key in named or datetime.now(UTC) - item.modified < UNFINISHED_AGE:
                continue
            if found := self._count(table, item.key):
                self._storage.delete(item.key)
                count += found
        return count

    def _count(self, table: Table | None, key: str) -> int:
        """Return how many erased rows a file of the table has."""
        parts = (self._erased.among(rows) for rows in _keys(self._storage, table, key))
        return sum(int(pc.sum(part, min_count=0).as_py()) for part in parts)

    def _key(self, file: DataFile) -> str:
        return self._storage.key(file.file_path)


def first_moment(
    storage: Storage, catalog: LakeCatalog, definition: ModelDefinition
) -> datetime | None:
    """Return a time before which the request log has no row; None if it has none at all."""
    known: list[datetime] = []
    for item in storage.list(REQUEST_LOG.landing_prefix(definition.name)):
        day = REQUEST_LOG.day_landed(definition.name, item.key)
        if day is not None:
            # A record may have landed on the day after its own timestamp.
            known.append(datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=2))
            break
    table = catalog.load(REQUEST_LOG, definition.name)
    for file in _files(table):
        span = time_range(table, file) if table else None
        known.append(span[0] if span else datetime(2000, 1, 1, tzinfo=UTC))
    return min(known, default=None)


def _files(table: Table | None) -> list[DataFile]:
    if table is None:
        return []
    return [task.file for task in table.scan(row_filter=AlwaysTrue()).plan_files()]


def _keys(storage: Storage, table: Table | None, key: str) -> Iterator[pa.Table]:
    """Yield ``timestamp``, ``request_id`` and ``row`` of a file of a table, group by group."""
    wanted = ("timestamp", "request_id", "row")
    with storage.open(key) as body, pq.ParquetFile(body, pre_buffer=True) as file:
        there = ids_of(file.schema_arrow)
        numbers = {each.name: each.field_id for each in table.schema().fields} if table else {}
        names = [there[numbers[name]] for name in wanted]
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, names).select(names).rename_columns(list(wanted))


def _as_now(rows: pa.Table, columns: pa.Schema) -> pa.Table:
    """Return rows of a file with the names that the table's columns have now."""
    names = ids_of(rows.schema)
    order = [names[int(column.metadata[FIELD_ID])] for column in columns]
    return rows.select(order).rename_columns(columns.names).cast(columns)


class _Timed(msgspec.Struct):
    timestamp: datetime


def _timestamp_of(line: bytes) -> list[datetime]:
    try:
        return [msgspec.json.decode(line, type=_Timed).timestamp]
    except msgspec.MsgspecError:
        return []


class _Rejected(msgspec.Struct):
    line: str


def _rejected_line(line: bytes) -> bytes:
    """Return the line that was rejected, which a line of the rejected ones quotes."""
    try:
        return msgspec.json.decode(line, type=_Rejected).line.encode()
    except msgspec.MsgspecError:
        return line
