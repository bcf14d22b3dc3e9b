"""Reproducible sampling of rows that arrive in parts, in any order and with duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evergreen.lake.tables import TableKind

_HASH = "_hash"


class RowSample:
    """A bottom-k sample of at most ``cap`` rows, and a count of all rows.

    It keeps the rows whose keys have the smallest hashes (E. Cohen and H. Kaplan, "Summarizing data
    using bottom-k sketches", *PODC* 2007). The choice depends only on the keys. So the rows are
    drawn at random and without replacement, and the sample is the same in whatever order the rows
    arrive. At most three times ``cap`` rows and one part are held in memory. Every other row takes
    the eight bytes that count it.

    Parameters
    ----------
    kind
        The table of the rows; its key says which rows are duplicates.
    schema
        The columns of the rows, with the table's key.
    cap
        How many rows to keep.
    """

    def __init__(self, kind: TableKind, schema: pa.Schema, cap: int) -> None:
        self._kind = kind
        self._cap = cap
        self._kept = [schema.append(pa.field(_HASH, pa.uint64())).empty_table()]
        self._held = 0
        self._limit = np.uint64(2**64 - 1)
        self._hashes: list[NDArray[np.uint64]] = [np.empty(0, np.uint64)]

    def add(self, table: pa.Table) -> None:
        """Add some rows."""
        keys = table.select(self._kind.key).to_pandas()
        hashes = pd.util.hash_pandas_object(keys, index=False).to_numpy().astype(np.uint64)
        self._hashes.append(hashes)
        low = table.append_column(_HASH, pa.array(hashes)).filter(pa.array(hashes <= self._limit))
        self._kept.append(low)
        self._held += low.num_rows
        if self._held > 2 * self._cap:
            self._kept = [self._smallest()]
            self._held = self._kept[0].num_rows

    @property
    def rows(self) -> int:
        """Number of distinct rows so far."""
        self._hashes = [np.concatenate(self._hashes)]
        hashes = self._hashes[0]
        hashes.sort()
        return int(np.count_nonzero(hashes[1:] != hashes[:-1])) + bool(hashes.size)

    def table(self) -> pa.Table:
        """Return the sample in order of time."""
        return self._smallest().drop_columns([_HASH])

    def _smallest(self) -> pa.Table:
        table = pa.concat_tables(self._kept)
        hashes = np.unique(table[_HASH].to_numpy())
        if hashes.size > self._cap:
            self._limit = hashes[self._cap - 1]
            table = table.filter(pc.less_equal(table[_HASH], pa.scalar(self._limit, pa.uint64())))
        return self._kind.deduplicated(table)
