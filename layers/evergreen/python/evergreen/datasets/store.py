"""Data sets that models are trained and judged on: immutable, named by their content.

A data set is one Parquet file and its manifest at ``datasets/<model>/<dataset_id>/``. Its columns
are the model's features (float64 or string, null where missing), the target, ``timestamp``,
``split`` (``train``, ``holdout`` or ``gap``) and, for rows that came from the request log,
``request_id`` and ``row``. The same rows always give the same bytes and the same id.
"""

from __future__ import annotations

import hashlib
import tempfile
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evergreen.clock import to_text
from evergreen.datasets.manifest import (
    DATA_FILE,
    MANIFEST_FILE,
    DatasetManifest,
    FromLog,
    RowStudy,
    folder_key,
    read_manifest,
)
from evergreen.datasets.schema import SPLIT, TIMESTAMP, normalise, to_parquet
from evergreen.datasets.splitting import HOLDOUT, OLDER, TRAIN, rows_of
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime
    from typing import IO

    from evergreen.clock import Clock
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

_BATCH_ROWS = 65_536
_COPIED_BYTES = 8 * 1024 * 1024
"""The size of the parts in which a file is copied; each is one request."""


def write_dataset(
    storage: Storage,
    definition: ModelDefinition,
    table: pa.Table,
    *,
    sources: Sequence[str],
    data_until: datetime,
    clock: Clock,
    from_log: FromLog | None = None,
    study: RowStudy | None = None,
) -> DatasetManifest:
    """Store rows as a data set. Their order does not matter; writing them again changes nothing.

    Values are kept as the model sees them: numbers at 32-bit precision, a missing category (null
    or empty) as null.

    Parameters
    ----------
    storage
        The data bucket.
    definition
        The model the rows are for.
    table
        Features, target, ``timestamp`` (aware) and ``split``, for rows from the request log also
        ``request_id`` and ``row``; further columns are left out.
    sources
        Where the rows came from, for the manifest.
    data_until
        Time up to which arriving ground truth is included; a later data set continues there.
    clock
        Gives ``created_at``.
    from_log
        Facts about the rows from the log; None for a data set that was put together by hand.
    study
        How the rows that are trained on were chosen and how fast a model of them ages, for the
        manifest.

    Raises
    ------
    EvergreenError
        If a column is missing or does not have the type the definition asks for, or if a target
        is missing.
    NotEnoughDataError
        If there is no row.
    """
    rows = normalise(definition, table)
    body = to_parquet(rows)
    digest = hashlib.sha256(body).hexdigest()
    # The same rows taken at another time are another data set: the next one continues elsewhere.
    identity = hashlib.sha256(f"{digest} {to_text(data_until)}".encode()).hexdigest()
    times = pc.min_max(rows[TIMESTAMP]).as_py()
    manifest = DatasetManifest(
        dataset_id=f"ds-{identity[:16]}",
        model=definition.name,
        rows=rows.num_rows,
        train_rows=rows_of(rows, TRAIN).num_rows,
        holdout_rows=rows_of(rows, HOLDOUT).num_rows,
        older_rows=rows_of(rows, OLDER).num_rows,
        sources=tuple(sources),
        first_timestamp=times["min"],
        last_timestamp=times["max"],
        data_until=data_until,
        log_from=from_log.since if from_log else data_until,
        class_balance=_class_balance(definition, rows),
        label_delay=from_log.label_delay if from_log else None,
        corrected_labels=from_log.corrected_labels if from_log else 0,
        window=study.window if study else None,
        aging=study.aging if study else None,
        new_train_rows=from_log.new_train_rows if from_log else 0,
        sha256=digest,
        created_at=clock(),
    )
    folder = folder_key(definition.name, manifest.dataset_id)
    storage.put(folder + DATA_FILE, body)
    # The first manifest stays: a data set in use must not change its data_until under its user.
    written = storage.put_if_absent(
        folder + MANIFEST_FILE, manifest.model_dump_json(indent=2).encode()
    )
    return manifest if written else read_manifest(storage, definition.name, manifest.dataset_id)


def read_dataset(
    storage: Storage,
    model: str,
    dataset_id: str,
    *,
    columns: Collection[str] | None = None,
    split: str | None = None,
) -> Iterator[pa.Table]:
    """Yield a data set's rows, some at a time, oldest first.

    The first table is empty, so there is always one. The file is checked before that; it is copied
    to disk, not to memory.

    Parameters
    ----------
    storage, model, dataset_id
        Where the data set is.
    columns
        The columns wanted, if not all, in the order of the file.
    split
        ``train``, ``holdout``, ``gap`` or ``older``, for the rows of one split.

    Raises
    ------
    EvergreenError
        If there is no such data set, or its bytes are not those its manifest names.
    """
    manifest = read_manifest(storage, model, dataset_id)
    key = folder_key(model, dataset_id) + manifest.file
    with tempfile.TemporaryFile() as copy:
        if _copied(storage, key, copy) != manifest.sha256:
            raise EvergreenError("data set is missing or was altered", where=storage.uri(key))
        file = pq.ParquetFile(copy)
        wanted = [name for name in file.schema_arrow.names if columns is None or name in columns]
        read = {*wanted, *([SPLIT] if split else [])}
        yield pa.schema([file.schema_arrow.field(name) for name in wanted]).empty_table()
        for batch in file.iter_batches(_BATCH_ROWS, columns=sorted(read)):
            rows = pa.table(batch)
            yield (rows_of(rows, split) if split else rows).select(wanted)


def load_dataset(
    storage: Storage, model: str, dataset_id: str, *, split: str | None = None
) -> pa.Table:
    """Return a data set's rows in one table, as :func:`read_dataset` reads them."""
    return pa.concat_tables(read_dataset(storage, model, dataset_id, split=split)).combine_chunks()


def _copied(storage: Storage, key: str, target: IO[bytes]) -> str | None:
    """Copy an object, some bytes at a time; return its SHA-256, or None if there is none."""
    digest = hashlib.sha256()
    try:
        with storage.open(key) as body:
            while part := body.read(_COPIED_BYTES):
                digest.update(part)
                target.write(part)
    except FileNotFoundError:
        return None
    return digest.hexdigest()


def replace_rows(
    storage: Storage, definition: ModelDefinition, manifest: DatasetManifest, rows: pa.Table
) -> DatasetManifest:
    """Give a data set fewer rows, for an erasure, and delete the file that had the others.

    The data set keeps its id, by which its versions name it. The manifest is the commit: before
    it is written nothing has changed, and what is left of the old file goes when this runs again.

    Parameters
    ----------
    storage, definition
        The data bucket, and the model.
    manifest
        The data set.
    rows
        Its rows from now on, as :func:`load_dataset` returned them.
    """
    body = to_parquet(rows)
    digest = hashlib.sha256(body).hexdigest()
    times = pc.min_max(rows[TIMESTAMP]).as_py()
    new = manifest.model_copy(
        update={
            "rows": rows.num_rows,
            "train_rows": rows_of(rows, TRAIN).num_rows,
            "holdout_rows": rows_of(rows, HOLDOUT).num_rows,
            "older_rows": rows_of(rows, OLDER).num_rows,
            "first_timestamp": times["min"] or manifest.first_timestamp,
            "last_timestamp": times["max"] or manifest.last_timestamp,
            "class_balance": _class_balance(definition, rows) if rows.num_rows else None,
            "sha256": digest,
            "file": f"data-{digest[:16]}.parquet",
            "erased_rows": manifest.erased_rows + manifest.rows - rows.num_rows,
        }
    )
    folder = folder_key(manifest.model, manifest.dataset_id)
    storage.put(folder + new.file, body)
    storage.put(folder + MANIFEST_FILE, new.model_dump_json(indent=2).encode())
    return new


def record_study(storage: Storage, manifest: DatasetManifest, study: RowStudy) -> DatasetManifest:
    """Write into a data set's manifest what was found about its training rows.

    Parameters
    ----------
    storage
        The data bucket.
    manifest
        That of the data set; its rows stay as they are.
    study
        What was found.
    """
    new = manifest.model_copy(update={"window": study.window, "aging": study.aging})
    key = folder_key(manifest.model, manifest.dataset_id) + MANIFEST_FILE
    storage.put(key, new.model_dump_json(indent=2).encode())
    return new


def delete_replaced(storage: Storage, manifest: DatasetManifest) -> None:
    """Delete the files of a data set that its manifest does not name."""
    folder = folder_key(manifest.model, manifest.dataset_id)
    named = {folder + manifest.file, folder + MANIFEST_FILE}
    keys = [item.key for item in storage.list(folder) if item.key not in named]
    storage.delete_all(keys)


def dataset_ids(storage: Storage, model: str) -> list[str]:
    """Return the ids of a model's data sets that have a manifest."""
    prefix = f"datasets/{model}/"
    keys = (item.key.removeprefix(prefix) for item in storage.list(prefix))
    return [key.partition("/")[0] for key in keys if key.endswith(f"/{MANIFEST_FILE}")]


def delete_dataset(storage: Storage, model: str, dataset_id: str) -> None:
    """Delete a data set. It is no error if there is none."""
    storage.delete_below(folder_key(model, dataset_id))


def _class_balance(definition: ModelDefinition, rows: pa.Table) -> dict[str, float] | None:
    if definition.task != "classification":
        return None
    counts = pc.value_counts(rows[definition.target]).to_pylist()
    shares = {item["values"]: item["counts"] / rows.num_rows for item in counts}
    return dict(sorted(shares.items()))
