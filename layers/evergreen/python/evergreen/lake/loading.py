"""Loading: raw objects become new files of a table, in memory that does not grow with them.

Objects are read until there is a slice of rows. It is sorted, rid of duplicates, and written as one
file for each day of its timestamps. The commit comes when all objects are read.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from evergreen.errors import EvergreenError
from evergreen.lake.commits import append
from evergreen.lake.data_files import GROUP_ROWS, FileWriter, columns_with_ids, day_number
from evergreen.lake.held import held_lists, write_held
from evergreen.lake.lines import LineReader, Rejected
from evergreen.lake.reader import BLOCK_BYTES
from evergreen.lake.recent import without_known
from evergreen.lake.table_schema import evolve, is_of_task
from evergreen.lake.tables import concat

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from evergreen.lake.catalog import LakeCatalog
    from evergreen.lake.tables import TableKind
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage, StoredObject

SLICE_ROWS = 200_000
"""Rows that are sorted and written together."""
SLICE_BYTES = 256 * 1024 * 1024
"""The same in bytes of Arrow's memory, for long rows."""


class Load:
    """The loading of some raw objects into one table.

    Parameters
    ----------
    storage, catalog
        The data bucket, and the tables.
    kind, definition
        Which table, and the model.
    table
        The table as it was when it was read which objects it holds; None if there is none yet.
    day
        The day on which the objects landed.
    """

    def __init__(
        self,
        storage: Storage,
        catalog: LakeCatalog,
        kind: TableKind,
        definition: ModelDefinition,
        table: Table | None,
        day: date,
    ) -> None:
        self._storage = storage
        self._catalog = catalog
        self._kind = kind
        self._definition = definition
        self._table = table
        self._day = day
        self._expected = held_lists(table) if table else {}
        self._schema = kind.schema(definition)
        self._files: list[DataFile] = []
        self._waiting: list[pa.Table] = []
        self.objects: list[str] = []
        """Keys of what was read."""
        self.failures: list[tuple[str, Exception]] = []
        """Keys of what could not be read, and why."""
        self.rows = 0
        self.duplicates = 0
        self.rejected = 0

    def read(self, objects: Sequence[StoredObject]) -> None:
        """Read objects and write their rows to files, which no table names yet."""
        for block in self._blocks(objects):
            self._take(block)
            rows = sum(part.num_rows for part in self._waiting)
            if rows >= SLICE_ROWS or sum(part.nbytes for part in self._waiting) >= SLICE_BYTES:
                self._write()
        self._write()

    def commit(self, held: frozenset[str]) -> frozenset[str]:
        """Make what was read part of the table; return what it holds of the day now.

        Raises
        ------
        pyiceberg.exceptions.CommitFailedException, pyiceberg.exceptions.ValidationException
            If another commit came first.
        """
        table, model = self._prepared(), self._definition.name
        everything = held | {*self.objects}
        key = write_held(self._storage, self._kind, model, self._day, everything)
        append(table, self._files, self._expected, self._day, key)
        return everything

    def _blocks(self, objects: Sequence[StoredObject]) -> Iterator[list[tuple[str, bytes]]]:
        block: list[tuple[str, bytes]] = []
        size = 0
        for item in objects:
            body = self._body(item.key)
            if body is None:
                continue
            block.append((item.key, body))
            size += len(body)
            if size >= BLOCK_BYTES:
                yield block
                block, size = [], 0
        if block:
            yield block

    def _body(self, key: str) -> bytes | None:
        try:
            body = self._storage.get(key)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other objects go on
            self.failures.append((key, error))
            return None
        if body is None:
            self.failures.append((key, FileNotFoundError(key)))
        return body

    def _take(self, block: Sequence[tuple[str, bytes]]) -> None:
        reader = LineReader(self._kind, self._definition)
        rows, rejected = reader.read(block)
        self._keep(rejected)
        self._waiting.append(rows)
        self.objects += [key for key, _ in block]

    def _keep(self, rejected: Sequence[Rejected]) -> None:
        """Keep the rejected lines of an object under its name: a second run adds nothing."""
        by_source: dict[str, list[Rejected]] = defaultdict(list)
        for each in rejected:
            by_source[each.source].append(each)
        for source, lines in by_source.items():
            body = "".join(json.dumps(asdict(line)) + "\n" for line in lines).encode()
            name = hashlib.sha256(source.encode()).hexdigest()[:16]
            self._storage.put(self._kind.rejected_key(self._definition.name, self._day, name), body)
        self.rejected += len(rejected)

    def _write(self) -> None:
        """Write what waits, and let go of the memory that it has used."""
        count = sum(part.num_rows for part in self._waiting)
        if not count:
            return
        added = self._write_files()
        self.rows += added
        self.duplicates += count - added
        # What one slice has used shall not stand beside the next one: neither Arrow's memory, nor
        # that of the lines, which malloc keeps until it is trimmed.
        pa.default_memory_pool().release_unused()
        pa.system_memory_pool().release_unused()

    def _write_files(self) -> int:
        """Write one file for each day of the timestamps; return the number of rows written."""
        table = self._prepared()
        columns = columns_with_ids(table, self._schema)
        added = 0
        for day, part in _by_day(self._sorted()):
            new = without_known(
                self._storage, table, self._kind, self._definition, part, self._files
            )
            if new.num_rows:
                writer = FileWriter(self._storage, table, columns, day)
                writer.write(new)
                self._files.append(writer.close())
                added += new.num_rows
        return added

    def _sorted(self) -> pa.Table:
        """Return what waits sorted and rid of duplicates: each column moves and is let go."""
        everything = concat(self._waiting, self._schema)
        self._waiting = []
        order = self._kind.order(everything)
        parts = [order.slice(at, GROUP_ROWS) for at in range(0, len(order), GROUP_ROWS)]
        columns = everything.columns[::-1]
        del everything
        moved = []
        while columns:
            column = columns.pop().combine_chunks()
            # Arrow may reserve twice what it takes, so it takes a group of rows at a time.
            moved.append(pa.chunked_array([column.take(part) for part in parts]))
        return pa.table(moved, schema=self._schema)

    def _prepared(self) -> Table:
        """Return the table, made if there is none, with the columns of the definition.

        Raises
        ------
        EvergreenError
            If its rows are those of another task.
        """
        if self._table is None:
            self._table = self._catalog.create(self._kind, self._definition)
        if not is_of_task(self._table.schema(), self._schema):
            raise EvergreenError(
                "was written when the model had another task",
                where=self._kind.table_prefix(self._definition.name),
                fix="Give a model of another task another name.",
            )
        evolve(self._table, self._schema)
        return self._table


def _by_day(rows: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """Yield the rows of each UTC day; they are sorted by time."""
    days = pc.floor_temporal(rows["timestamp"], unit="day")
    start = 0
    for run in pc.run_end_encode(days.combine_chunks()).run_ends.to_pylist():
        yield day_number(rows["timestamp"][start].as_py()), rows.slice(start, run - start)
        start = run
