"""Data sets that models are trained and judged on: immutable, named by their content.

A data set is one Parquet file and its manifest at ``datasets/<model>/<dataset_id>/``. Its columns
are the model's features (float64 or string, null where missing), the target, ``timestamp`` and
``split`` (``train`` or ``holdout``). The same rows always give the same bytes and the same id.
"""

from __future__ import annotations

import hashlib
import io
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from evergreen.clock import to_text
from evergreen.errors import EvergreenError, NotEnoughDataError
from evergreen.requests import MISSING_CATEGORY, Columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.clock import Clock
    from evergreen.lake import Lake
    from evergreen.model_definition import ModelDefinition
    from evergreen.production import ProductionPointer
    from evergreen.storage import Storage

TIMESTAMP = "timestamp"
SPLIT = "split"
TRAIN = "train"
HOLDOUT = "holdout"
TIME_TYPE = pa.timestamp("us", tz="UTC")

_DATA = "data.parquet"
_MANIFEST = "manifest.json"
_RANDOM_HOLDOUT_SEED = 0


class DatasetManifest(BaseModel):
    """What a data set is made of."""

    model_config = ConfigDict(frozen=True)

    dataset_id: str
    """``ds-`` and 16 hexadecimal digits of a SHA-256 over the rows and ``data_until``."""
    model: str
    rows: int
    train_rows: int
    holdout_rows: int
    sources: tuple[str, ...]
    first_timestamp: datetime
    last_timestamp: datetime
    data_until: datetime
    """Log rows from this time on are not part of it, nor of any data set it was built from."""
    class_balance: dict[str, float] | None
    """Share of the rows per class, for classification."""
    sha256: str
    """SHA-256 of ``data.parquet``."""
    created_at: datetime


def folder_key(model: str, dataset_id: str) -> str:
    """Return the prefix below which the data set's two objects live, with the slash."""
    return f"datasets/{model}/{dataset_id}/"


def split_rows(definition: ModelDefinition, table: pa.Table) -> pa.Table:
    """Add ``split`` as ``evaluation.holdout`` and ``evaluation.holdout_fraction`` say.

    ``recent`` holds out the newest rows. Rows of the same moment stay on the same side, so that
    nothing learnt at a moment is judged at that moment; the holdout is then larger than asked for
    by at most the rows of one moment. ``random`` holds out a draw that only depends on how many
    rows there are.

    Parameters
    ----------
    definition
        The model the rows are for.
    table
        At least one row, with a ``timestamp`` column.
    """
    evaluation = definition.evaluation
    count = table.num_rows
    wanted = min(max(round(count * evaluation.holdout_fraction), 1), count)
    if evaluation.holdout == "random":
        draw = np.random.default_rng(_RANDOM_HOLDOUT_SEED).permutation(count)
        return _with_split(table, pa.array(draw < wanted))
    times = pc.sort_indices(table[TIMESTAMP], sort_keys=[("", "descending")])
    first_held_out = table[TIMESTAMP][times[wanted - 1].as_py()]
    return _with_split(table, pc.greater_equal(table[TIMESTAMP], first_held_out))


def write_dataset(
    storage: Storage,
    definition: ModelDefinition,
    table: pa.Table,
    *,
    sources: Sequence[str],
    data_until: datetime,
    clock: Clock,
) -> DatasetManifest:
    """Store rows as a data set, whatever their order; writing the same rows again changes nothing.

    Values are kept as the model sees them: numbers at 32-bit precision, a missing category (null
    or empty) as null.

    Parameters
    ----------
    storage
        The data bucket.
    definition
        The model the rows are for.
    table
        Features, target, ``timestamp`` (aware) and ``split``; further columns are left out.
    sources
        Where the rows came from, for the manifest.
    data_until
        Log time up to which rows were taken; a later data set continues there.
    clock
        Gives ``created_at``.

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
    holdout_rows = pc.sum(pc.equal(rows[SPLIT], HOLDOUT)).as_py()
    manifest = DatasetManifest(
        dataset_id=f"ds-{identity[:16]}",
        model=definition.name,
        rows=rows.num_rows,
        train_rows=rows.num_rows - holdout_rows,
        holdout_rows=holdout_rows,
        sources=tuple(sources),
        first_timestamp=times["min"],
        last_timestamp=times["max"],
        data_until=data_until,
        class_balance=_class_balance(definition, rows),
        sha256=digest,
        created_at=clock(),
    )
    folder = folder_key(definition.name, manifest.dataset_id)
    storage.put(folder + _DATA, body)
    # The first manifest stays: a data set in use must not change its data_until under its user.
    written = storage.put_if_absent(folder + _MANIFEST, manifest.model_dump_json(indent=2).encode())
    return manifest if written else read_manifest(storage, definition.name, manifest.dataset_id)


def read_manifest(storage: Storage, model: str, dataset_id: str) -> DatasetManifest:
    """Read a data set's manifest.

    Raises
    ------
    EvergreenError
        If there is no such data set.
    """
    key = folder_key(model, dataset_id) + _MANIFEST
    body = storage.get(key)
    if body is None:
        raise EvergreenError("data set not found", where=storage.uri(key))
    return DatasetManifest.model_validate_json(body)


def read_dataset(storage: Storage, model: str, dataset_id: str) -> pa.Table:
    """Read a data set's rows, oldest first.

    Raises
    ------
    EvergreenError
        If there is no such data set, or its bytes are not those its manifest names.
    """
    manifest = read_manifest(storage, model, dataset_id)
    key = folder_key(model, dataset_id) + _DATA
    body = storage.get(key)
    if body is None or hashlib.sha256(body).hexdigest() != manifest.sha256:
        raise EvergreenError("data set is missing or was altered", where=storage.uri(key))
    return pq.read_table(io.BytesIO(body))


def delete_dataset(storage: Storage, model: str, dataset_id: str) -> None:
    """Delete a data set; deleting what is not there is no error."""
    storage.delete_below(folder_key(model, dataset_id))


def build_dataset(
    storage: Storage,
    lake: Lake,
    definition: ModelDefinition,
    pointer: ProductionPointer,
    *,
    clock: Clock,
) -> DatasetManifest:
    """Build the data set of a challenger: what the champion had, and what came in since.

    The holdout is taken from the new rows only, so neither champion nor challenger has been
    trained on it. All of the champion's rows, its own holdout included, may be trained on; of
    these and the new rows outside the holdout the newest ``training_window_rows`` are kept.

    Raises
    ------
    NotEnoughDataError
        If fewer than ``evaluation.min_labelled_rows`` labelled rows are new.
    """
    champion = read_manifest(storage, definition.name, pointer.reference_dataset_id)
    until = clock()
    labelled = lake.labelled(definition, champion.data_until, until)
    needed = definition.evaluation.min_labelled_rows
    if labelled.num_rows < needed:
        raise NotEnoughDataError(
            f"{labelled.num_rows} labelled rows since {to_text(champion.data_until)}, "
            f"{needed} are needed",
            where=definition.name,
            fix="Wait for more ground truth, or lower evaluation.min_labelled_rows.",
        )
    fresh = split_rows(definition, _from_log(definition, labelled))
    old = read_dataset(storage, definition.name, champion.dataset_id)
    old = _with_split(old, pa.repeat(pa.scalar(value=False), old.num_rows))
    rows = pa.concat_tables([normalise(definition, part) for part in (old, fresh)])
    held_out = pc.equal(rows[SPLIT], HOLDOUT)
    train = rows.filter(pc.invert(held_out)).sort_by(TIMESTAMP)
    kept = train.slice(max(train.num_rows - definition.retraining.training_window_rows, 0))
    # Rows whose ground truth is still on its way are newer than the newest labelled one: the
    # next data set begins there, not at the time of this one.
    newest = pc.max(fresh[TIMESTAMP]).as_py()
    return write_dataset(
        storage,
        definition,
        pa.concat_tables([kept, rows.filter(held_out)]),
        sources=[
            f"dataset {champion.dataset_id}",
            f"request log {to_text(champion.data_until)}/{to_text(newest)}",
        ],
        data_until=newest + timedelta(microseconds=1),
        clock=clock,
    )


def rows_of(table: pa.Table, split: str) -> pa.Table:
    """Return the rows of one split (``TRAIN`` or ``HOLDOUT``)."""
    return table.filter(pc.equal(table[SPLIT], split))


def to_columns(definition: ModelDefinition, table: pa.Table) -> Columns:
    """Return the features of a table in the encoding that training and serving share.

    Parameters
    ----------
    definition
        Says which features, in which order, of which type.
    table
        n rows with one column per feature; other columns are ignored.

    Returns
    -------
    dict
        Feature name to array of n rows: float32 with NaN for missing, or object with
        ``MISSING_CATEGORY`` for missing.

    Raises
    ------
    EvergreenError
        If a feature has no column or a column of another type.
    """
    columns: Columns = {}
    for name, feature in definition.features.items():
        values = _column(definition, table, name)
        if feature.is_numeric:
            numbers = values.to_numpy(zero_copy_only=False)
            columns[name] = numbers.astype(np.float32)
        else:
            texts = pc.fill_null(values, MISSING_CATEGORY)
            columns[name] = np.array(texts.to_pylist(), dtype=object)
    return columns


def schema(definition: ModelDefinition) -> pa.Schema:
    """Return the columns of the model's data sets, in their order."""
    classification = definition.task == "classification"
    return pa.schema(
        [
            *(
                (name, pa.float64() if feature.is_numeric else pa.string())
                for name, feature in definition.features.items()
            ),
            (definition.target, pa.string() if classification else pa.float64()),
            (TIMESTAMP, TIME_TYPE),
            (SPLIT, pa.string()),
        ]
    )


def normalise(definition: ModelDefinition, table: pa.Table) -> pa.Table:
    """Return rows as a data set holds them: typed, in one order, each value written one way.

    Numbers are at the 32-bit precision that models see; NaN and the empty category are null.
    Applying it again changes nothing, and neither does the order that rows come in.

    Raises
    ------
    EvergreenError
        If a column is missing or cannot have the type the definition asks for, or if a target
        is missing.
    NotEnoughDataError
        If there is no row.
    """
    if not table.num_rows:
        raise NotEnoughDataError("a data set needs at least one row", where=definition.name)
    target = _column(definition, table, definition.target)
    if target.null_count:
        raise EvergreenError(
            f"{target.null_count} rows have no target",
            where=f"{definition.name}.{definition.target}",
        )
    wanted = schema(definition)
    columns = [_column(definition, table, name) for name in wanted.names]
    # Sorted by every column: two rows that still tie are the same row, so no order is left open.
    keys = [TIMESTAMP, *(name for name in wanted.names if name != TIMESTAMP)]
    return (
        pa.table(columns, schema=wanted)
        .sort_by([(name, "ascending") for name in keys])
        .combine_chunks()
    )


def to_parquet(rows: pa.Table) -> bytes:
    """Return the bytes of a data set's file; equal normalised rows give equal bytes."""
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    return sink.getvalue()


def _with_split(table: pa.Table, held_out: pa.Array | pa.ChunkedArray) -> pa.Table:
    if SPLIT in table.column_names:
        table = table.drop_columns(SPLIT)
    return table.append_column(SPLIT, pc.if_else(held_out, HOLDOUT, TRAIN))


def _from_log(definition: ModelDefinition, labelled: pa.Table) -> pa.Table:
    # Column by column: a target may be called like one of the log's own columns.
    columns = {name: labelled[name] for name in definition.features}
    return pa.table(
        columns | {definition.target: labelled["label"], TIMESTAMP: labelled[TIMESTAMP]}
    )


def _column(definition: ModelDefinition, table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise EvergreenError("column is missing", where=f"{definition.name}.{name}")
    values = table[name]
    wanted = schema(definition).field(name).type
    try:
        if name not in definition.features:
            return _to_class(values) if pa.types.is_boolean(values.type) else values.cast(wanted)
        return _to_number(values) if wanted == pa.float64() else _to_category(values)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise EvergreenError(
            f"column of type {values.type} cannot be read as {wanted}: {error}",
            where=f"{definition.name}.{name}",
        ) from error


def _to_number(values: pa.ChunkedArray) -> pa.ChunkedArray:
    # 32 bits are what the model sees, in training and in serving alike. Adding 0 turns -0 into 0:
    # both are the same value to the model, so they must be the same bytes to the digest.
    numbers = pc.add(values.cast(pa.float32(), safe=False), pa.scalar(0.0, pa.float32()))
    return pc.if_else(pc.is_nan(numbers), None, numbers).cast(pa.float64())


def _to_category(values: pa.ChunkedArray) -> pa.ChunkedArray:
    texts = values.cast(pa.string())
    return pc.if_else(pc.equal(texts, MISSING_CATEGORY), None, texts)


def _to_class(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(values, "True", "False")  # as str() writes them, like the request log


def _class_balance(definition: ModelDefinition, rows: pa.Table) -> dict[str, float] | None:
    if definition.task != "classification":
        return None
    counts = pc.value_counts(rows[definition.target]).to_pylist()
    shares = {item["values"]: item["counts"] / rows.num_rows for item in counts}
    return dict(sorted(shares.items()))
