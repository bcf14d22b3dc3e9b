"""Erasure from data sets, and from the holdout predictions of versions that were judged on them.

Holdout predictions have no key. A row of theirs is known by its timestamp: that of its request, to
the microsecond.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evergreen.datasets.holdout_predictions import HOLDOUT_FILE
from evergreen.datasets.manifest import read_manifest
from evergreen.datasets.schema import KEY, TIMESTAMP
from evergreen.datasets.store import dataset_ids, delete_replaced, load_dataset, replace_rows
from evergreen.lake.tables import TIMESTAMP_TYPE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from evergreen.datasets.manifest import DatasetManifest
    from evergreen.lake.erased_rows import ErasedRows
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage


def timestamps_in_datasets(storage: Storage, model: str, erased: ErasedRows) -> set[datetime]:
    """Return the timestamps of the erased rows that data sets have."""
    found: set[datetime] = set()
    for _, rows, hit in _with_erased(storage, model, erased):
        found |= {*rows.filter(hit)[TIMESTAMP].to_pylist()}
    return found


def erase_from_datasets(
    storage: Storage, definition: ModelDefinition, erased: ErasedRows
) -> dict[str, int]:
    """Erase rows from every data set of a model; return how many by data set."""
    counts = {}
    for manifest, rows, hit in _with_erased(storage, definition.name, erased):
        replace_rows(storage, definition, manifest, rows.filter(pc.invert(hit)))
        counts[manifest.dataset_id] = pc.sum(hit).as_py()
    for dataset_id in dataset_ids(storage, definition.name):
        # Also of an erasure that was killed behind the manifest.
        delete_replaced(storage, read_manifest(storage, definition.name, dataset_id))
    return counts


def erase_from_holdouts(storage: Storage, model: str, timestamps: Collection[datetime]) -> int:
    """Erase the holdout predictions of rows by their timestamps; return how many there were."""
    gone = pa.array(sorted(timestamps), TIMESTAMP_TYPE)
    count = 0
    for item in storage.list(f"bundles/{model}/"):
        if not item.key.endswith(f"/{HOLDOUT_FILE}"):
            continue
        rows = pq.read_table(io.BytesIO(storage.get(item.key) or b""))
        kept = rows.filter(pc.invert(pc.is_in(rows["timestamp"], gone)))
        if kept.num_rows < rows.num_rows:
            sink = io.BytesIO()
            pq.write_table(kept, sink, compression="zstd")
            storage.put(item.key, sink.getvalue())
            count += rows.num_rows - kept.num_rows
    return count


def _with_erased(
    storage: Storage, model: str, erased: ErasedRows
) -> Iterator[tuple[DatasetManifest, pa.Table, pa.Array]]:
    """Yield each data set that has erased rows, all its rows, and which of them are erased."""
    for dataset_id in dataset_ids(storage, model):
        rows = load_dataset(storage, model, dataset_id)
        if not {*KEY} <= {*rows.column_names}:
            continue
        hit = erased.among(rows)
        if pc.any(hit).as_py():
            yield read_manifest(storage, model, dataset_id), rows, hit
