"""The output of a query as Athena's UNLOAD leaves it: files, and the list of them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.lake.query_output import QueryOutput
from evergreen.lake.query_places import QUERIES

if TYPE_CHECKING:
    from evergreen.storage import Storage


def unload(storage: Storage, rows: pa.Table, run: str, files: int = 3) -> str | None:
    """Write rows to some files and return where their list is; None where there is no row."""
    if not rows.num_rows:
        return None
    each = -(-rows.num_rows // files)
    keys = []
    for number, first in enumerate(range(0, rows.num_rows, each)):
        sink = io.BytesIO()
        pq.write_table(rows.slice(first, each), sink)
        keys.append(f"{QUERIES}rows/{run}/0/{number}_part")
        storage.put(keys[-1], sink.getvalue())
    manifest = f"{QUERIES}results/{run}-manifest.csv"
    storage.put(manifest, "".join(f"{storage.uri(key)}\n" for key in keys).encode())
    return storage.uri(manifest)


def unloaded(storage: Storage, rows: pa.Table, run: str) -> QueryOutput:
    """Write rows and return them as the output of a query."""
    return QueryOutput(storage, unload(storage, rows, run))
