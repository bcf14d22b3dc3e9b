"""Data sets that models are trained and judged on: immutable, named by their content.

A data set is one Parquet file and its manifest at ``datasets/<model>/<dataset_id>/``. Its columns
are the model's features (float64 or string, null where missing), the target, ``timestamp``,
``split`` (``train``, ``holdout`` or ``gap``) and, for rows that came from the request log,
``request_id`` and ``row``. The same rows always give the same bytes and the same id.
"""

from __future__ import annotations

import hashlib
import io
from datetime import datetime
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
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

TIMESTAMP = "timestamp"
SPLIT = "split"
TRAIN = "train"
HOLDOUT = "holdout"
GAP = "gap"
"""Neither trained nor judged on: a time series' outcomes that the holdout's first forecasts could
not know. The next data set trains on them."""
KEY = ("request_id", "row")
TIME_TYPE = pa.timestamp("us", tz="UTC")

_DATA = "data.parquet"
_MANIFEST = "manifest.json"
_RANDOM_HOLDOUT_SEED = 0


class LabelDelay(BaseModel):
    """Seconds from a prediction to the moment its outcome was observed, over some rows."""

    model_config = ConfigDict(frozen=True)

    median: float
    p95: float
    max: float


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
    """Ground truth that came in from this time on is not part of it, nor of any data set it was
    built from."""
    log_from: datetime
    """From here on, rows of the log were taken one by one and carry their key; what came in before
    is part of the first data set, the one put together by hand, or of none."""
    class_balance: dict[str, float] | None
    """Share of the rows per class, for classification."""
    label_delay: LabelDelay | None = None
    """How long the ground truth of the new rows took; None if no row came from the log."""
    sha256: str
    """SHA-256 of ``data.parquet``."""
    created_at: datetime


def folder_key(model: str, dataset_id: str) -> str:
    """Return the prefix below which the data set's two objects live, with the slash."""
    return f"datasets/{model}/{dataset_id}/"


def split_rows(
    definition: ModelDefinition, table: pa.Table, *, newer_than: datetime | None = None
) -> pa.Table:
    """Add ``split`` as ``evaluation.holdout`` and ``evaluation.holdout_fraction`` say.

    ``recent`` holds out the newest rows. Rows of the same moment stay on the same side, so that
    nothing learnt at a moment is judged at that moment; the holdout is then larger than asked for
    by at most the rows of one moment. ``random`` holds out a draw that only depends on how many
    rows there are.

    For a time series the ``horizon - 1`` rows before a recent holdout become the gap: when the
    first held-out forecast was made, their outcomes were not known yet (C. Bergmeir and
    J. Benítez, "On the use of cross-validation for time series predictor evaluation",
    *Information Sciences* 191, 2012).

    Parameters
    ----------
    definition
        The model the rows are for.
    table
        At least one row, with a ``timestamp`` column.
    newer_than
        A recent holdout only takes rows after this moment: those that are trained on otherwise go
        up to here. The holdout may then be smaller, or empty.
    """
    evaluation = definition.evaluation
    count = table.num_rows
    wanted = min(max(round(count * evaluation.holdout_fraction), 1), count)
    if evaluation.holdout == "random":
        draw = np.random.default_rng(_RANDOM_HOLDOUT_SEED).permutation(count)
        return with_split(table, pa.array(draw < wanted))
    order = pc.sort_indices(table, sort_keys=_in_time_order(table)).to_numpy()
    times = table[TIMESTAMP].take(pa.array(order))
    held_out = pc.greater_equal(times, times[count - wanted])
    if newer_than is not None:
        held_out = pc.and_(held_out, pc.greater(times, pa.scalar(newer_than, TIME_TYPE)))
    first = count - pc.sum(held_out).as_py()
    gap = definition.forecast.horizon - 1 if definition.forecast else 0
    split = np.full(count, TRAIN, dtype=object)
    if first < count:
        split[order[max(first - gap, 0) : first]] = GAP
    split[order[first:]] = HOLDOUT
    return _set_split(table, pa.array(split))


def write_dataset(
    storage: Storage,
    definition: ModelDefinition,
    table: pa.Table,
    *,
    sources: Sequence[str],
    data_until: datetime,
    clock: Clock,
    log_from: datetime | None = None,
    label_delay: LabelDelay | None = None,
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
        Features, target, ``timestamp`` (aware) and ``split``, for rows from the request log also
        ``request_id`` and ``row``; further columns are left out.
    sources
        Where the rows came from, for the manifest.
    data_until
        Up to when ground truth came in that is part of it; a later data set continues there.
    clock
        Gives ``created_at``.
    log_from
        From when on the log's rows carry their key; ``data_until`` if not given.
    label_delay
        How long the ground truth of the new rows took.

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
        sources=tuple(sources),
        first_timestamp=times["min"],
        last_timestamp=times["max"],
        data_until=data_until,
        log_from=log_from or data_until,
        class_balance=_class_balance(definition, rows),
        label_delay=label_delay,
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
            ("request_id", pa.string()),
            ("row", pa.int64()),
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
    for name in KEY:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, wanted.field(name).type))
    columns = [_column(definition, table, name) for name in wanted.names]
    # Sorted by every column: two rows that still tie are the same row, so no order is left open.
    # The key comes early: rows of one request keep the order they were sent in.
    first = [TIMESTAMP, *KEY]
    keys = [*first, *(name for name in wanted.names if name not in first)]
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


def with_split(table: pa.Table, held_out: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Return rows with ``split`` set to ``holdout`` where ``held_out`` is true, else ``train``."""
    return _set_split(table, pc.if_else(held_out, HOLDOUT, TRAIN))


def _set_split(table: pa.Table, split: pa.Array | pa.ChunkedArray) -> pa.Table:
    if SPLIT in table.column_names:
        table = table.drop_columns(SPLIT)
    return table.append_column(SPLIT, split)


def _in_time_order(table: pa.Table) -> list[tuple[str, str]]:
    names = [TIMESTAMP, *(name for name in KEY if name in table.column_names)]
    return [(name, "ascending") for name in names]


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
