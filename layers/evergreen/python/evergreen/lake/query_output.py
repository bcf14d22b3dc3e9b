"""The output of a query of :mod:`evergreen.lake.sql`, as Athena's UNLOAD leaves it.

A query writes any number of Parquet files. When it is done, Athena writes a manifest that lists
them, and only that list counts: below the same prefix may lie what an earlier attempt left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.errors import EvergreenError
from evergreen.lake.tables import LABELS, REQUEST_LOG, TIMESTAMP_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

_ROWS_AT_A_TIME = 65_536


class QueryOutput:
    """The rows that a query wrote.

    Parameters
    ----------
    storage
        The data bucket.
    manifest
        Where the list of the files is, as ``s3://bucket/key``. None: the query found no row and
        wrote no file.
    """

    def __init__(self, storage: Storage, manifest: str | None) -> None:
        self._storage = storage
        self._manifest = manifest

    def batches(self, definition: ModelDefinition) -> Iterator[pa.Table]:
        """Yield the rows, some at a time, in no order, with the names and types of the lake.

        Raises
        ------
        EvergreenError
            If the list or a file is missing or lies in another bucket.
        """
        for key in self._files():
            try:
                with self._storage.open(key) as body, pq.ParquetFile(body) as file:
                    for batch in file.iter_batches(_ROWS_AT_A_TIME):
                        yield _as_lake(pa.table(batch), definition)
            except FileNotFoundError as error:
                raise EvergreenError(
                    "the query's output is gone",
                    where=self._storage.uri(key),
                    fix="Start the execution again: output is kept for a day.",
                ) from error

    def _files(self) -> Iterator[str]:
        if self._manifest is None:
            return
        body = self._storage.get(self._key(self._manifest))
        if body is None:
            raise EvergreenError("the list of a query's files is missing", where=self._manifest)
        for line in body.decode().splitlines():
            if line:
                yield self._key(line.strip('"'))

    def _key(self, uri: str) -> str:
        own = self._storage.uri("")
        if not uri.startswith(own):
            raise EvergreenError("a query's output lies in another bucket", where=uri)
        return uri.removeprefix(own)


def _as_lake(table: pa.Table, definition: ModelDefinition) -> pa.Table:
    """Give columns the names and types of the lake; those that no table has stay."""
    features = {f"f{place}": name for place, name in enumerate(definition.features)}
    types = {
        **dict(_types(REQUEST_LOG.schema(definition))),
        **dict(_types(LABELS.schema(definition))),
        "labelled_at": TIMESTAMP_TYPE,
        "fresh_until": TIMESTAMP_TYPE,
    }
    columns = {}
    for written in table.column_names:
        name = features.get(written, written)
        columns[name] = _typed(table[written], types.get(name))
    return pa.table(columns)


def _types(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    return ((field.name, field.type) for field in schema)


def _typed(column: pa.ChunkedArray, wanted: pa.DataType | None) -> pa.ChunkedArray:
    if wanted is None or column.type == wanted:
        return column
    if wanted == TIMESTAMP_TYPE:
        # Text without a zone, which is in UTC.
        return column.cast(pa.timestamp("us")).cast(wanted)
    return column.cast(wanted)
