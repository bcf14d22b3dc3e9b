"""Data files of the tables: Parquet, some rows at a time, with the ids of their columns.

pyiceberg's own writer and reader hold whole tables or files in memory (decision 11).
"""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.conversions import from_bytes, to_bytes
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.typedef import Record
from pyiceberg.types import StringType, TimestamptzType

from evergreen.lake.evolution import SENT, complete, wanted_names
from evergreen.lake.table_schema import FIELD_ID, field_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.table import Table

    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

GROUP_ROWS = 65_536
"""Rows of a Parquet file that are written, and read, at a time."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FEW_VALUES = ("role", "model_version")

TimeSpan = tuple[datetime, datetime]
"""Start and end; a row at the end is outside."""


class FileWriter:
    """Writes one new file of a table, some rows at a time.

    Parameters
    ----------
    storage
        The data bucket.
    table
        The table, which has a column for each of ``columns``.
    columns
        The columns of the file, with their ids in the field ``PARQUET:field_id``.
    day
        The partition: days since 1970, as :func:`day_number` counts them.
    """

    def __init__(self, storage: Storage, table: Table, columns: pa.Schema, day: int) -> None:
        self._storage = storage
        self._table = table
        self._schema = columns
        self._day = day
        self._body = io.BytesIO()
        texts = [each.name for each in columns if pa.types.is_string(each.type)]
        long = ("request_id", "input_data", "metadata")
        self._writer = pq.ParquetWriter(
            self._body,
            columns,
            compression="zstd",
            use_dictionary=[name for name in texts if name not in long],
        )

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._body.tell()

    def write(self, rows: pa.Table) -> None:
        """Write rows, sorted by time, as groups."""
        self._writer.write_table(rows.cast(self._schema), row_group_size=GROUP_ROWS)

    def close(self) -> DataFile:
        """Store the file; return what Iceberg's metadata says of it. No table has it yet."""
        self._writer.close()
        moment = _EPOCH + timedelta(days=self._day)
        name = f"data/day={moment:%Y-%m-%d}/{uuid.uuid4()}.parquet"
        path = f"{self._table.location()}/{name}"
        self._storage.put(self._storage.key(path), self._body.getvalue())
        size = self._body.tell()
        return _described(self._table, path, size, pq.read_metadata(self._body), self._day)


def columns_with_ids(table: Table, columns: pa.Schema) -> pa.Schema:
    """Return the columns as a file of the table names them: each with its id."""
    ids = field_ids(table.schema(), columns)
    return pa.schema(
        [column.with_metadata({FIELD_ID: str(ids[column.name])}) for column in columns]
    )


def day_number(moment: datetime) -> int:
    """Return the UTC day of a moment, as days since 1970."""
    return (moment - _EPOCH).days


def time_range(table: Table, file: DataFile) -> tuple[datetime, datetime] | None:
    """Return the first and last timestamp in a file, None if its writer has not said."""
    column = table.schema().find_field("timestamp")
    low, high = (
        bounds.get(column.field_id) if bounds else None
        for bounds in (file.lower_bounds, file.upper_bounds)
    )
    if low is None or high is None:
        return None
    first, last = (int(from_bytes(TimestamptzType(), each)) for each in (low, high))
    return _EPOCH + timedelta(microseconds=first), _EPOCH + timedelta(microseconds=last)


def read_file(
    storage: Storage,
    table: Table,
    path: str,
    columns: pa.Schema,
    definition: ModelDefinition,
    window: TimeSpan | None = None,
) -> Iterator[pa.Table]:
    """Yield columns of a file, one group of rows at a time, as the present definition has them.

    Parameters
    ----------
    table
        The table, of this task.
    path
        The file's location.
    columns
        What is wanted.
    window
        Groups of rows that lie outside are left out; there may be some rows more.

    Raises
    ------
    FileNotFoundError
        If the file is gone.
    """
    sent = () if SENT in columns.names else ((SENT, pa.string()),)
    ids = field_ids(table.schema(), pa.schema([*columns, *sent]))
    # One request reads all wanted columns of a group, and no other bytes.
    with (
        storage.open(storage.key(path)) as body,
        pq.ParquetFile(body, pre_buffer=True) as file,
    ):
        there = ids_of(file.schema_arrow)
        names = {name: there[number] for name, number in ids.items() if number in there}
        places = {name: place for place, name in enumerate(file.schema_arrow.names)}
        read = wanted_names(names, columns, definition)
        for group in range(file.num_row_groups):
            time = places[names["timestamp"]]
            if window is None or _overlaps(file, group, time, *window):
                rows = file.read_row_group(group, [names[name] for name in read])
                found = {name: rows[names[name]] for name in read}
                yield complete(found, rows.num_rows, columns, definition)


def ids_of(schema: pa.Schema) -> dict[int, str]:
    """Return the names of a file's columns by their ids."""
    return {
        int(field.metadata[FIELD_ID]): field.name
        for field in schema
        if field.metadata and FIELD_ID in field.metadata
    }


def _overlaps(file: pq.ParquetFile, group: int, time: int, start: datetime, end: datetime) -> bool:
    found = file.metadata.row_group(group).column(time).statistics
    return found is None or not found.has_min_max or (found.min < end and found.max >= start)


def _described(table: Table, path: str, size: int, found: pq.FileMetaData, day: int) -> DataFile:
    ids = list(ids_of(found.schema.to_arrow_schema()))
    groups = [found.row_group(number) for number in range(found.num_row_groups)]
    told: dict[str, Any] = {
        name: {}
        for name in (
            *("column_sizes", "value_counts", "null_value_counts"),
            *("lower_bounds", "upper_bounds"),
        )
    }
    for place, number in enumerate(ids):
        chunks = [group.column(place) for group in groups]
        statistics = [chunk.statistics for chunk in chunks]
        told["column_sizes"][number] = sum(chunk.total_compressed_size for chunk in chunks)
        told["value_counts"][number] = sum(chunk.num_values for chunk in chunks)
        told["null_value_counts"][number] = sum(each.null_count for each in statistics)
        kind: Any = table.schema().find_field(number).field_type
        known = [each for each in statistics if each.has_min_max]
        # Bounds of texts help nobody here: ids are random, and JSON begins alike.
        if known and not isinstance(kind, StringType):
            told["lower_bounds"][number] = to_bytes(kind, min(each.min for each in known))
            told["upper_bounds"][number] = to_bytes(kind, max(each.max for each in known))
    first = [group.column(0) for group in groups]
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=Record(day),
        record_count=found.num_rows,
        file_size_in_bytes=size,
        nan_value_counts={},
        split_offsets=[
            min(chunk.data_page_offset, chunk.dictionary_page_offset or chunk.data_page_offset)
            for chunk in first
        ],
        sort_order_id=None,
        spec_id=table.metadata.default_spec_id,
        equality_ids=None,
        key_metadata=None,
        **told,
    )
