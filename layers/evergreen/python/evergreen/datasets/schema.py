"""The columns of data sets: how each value is typed, stored and read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evergreen.columns import MAX_WHOLE, MISSING_CATEGORY, Columns
from evergreen.datasets.moments import derived_values
from evergreen.errors import EvergreenError, NotEnoughDataError
from evergreen.lake.tables import TIMESTAMP_TYPE

if TYPE_CHECKING:
    from evergreen.model_definition import ModelDefinition

TIMESTAMP = "timestamp"
SPLIT = "split"
KEY = ("request_id", "row")


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
            (TIMESTAMP, TIMESTAMP_TYPE),
            (SPLIT, pa.string()),
            ("request_id", pa.string()),
            ("row", pa.int64()),
        ]
    )


def normalise(definition: ModelDefinition, table: pa.Table) -> pa.Table:
    """Return rows as a data set holds them: typed, sorted, with one form for each value.

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
    # Of a data set only: a check of drift reads whatever the log and older data sets hold.
    for name, feature in definition.features.items():
        if feature.type == "integer" and name in table.column_names:
            _require_exact(table[name], f"{definition.name}.{name}")
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


def _column(definition: ModelDefinition, table: pa.Table, name: str) -> pa.ChunkedArray:
    feature, given = definition.features.get(name), set(table.column_names)
    if feature is not None and name not in given and {feature.derived_from, TIMESTAMP} <= given:
        where = f"{definition.name}.{feature.derived_from}"
        moments = table[feature.derived_from]
        return _to_number(derived_values(feature, moments, table[TIMESTAMP], where))
    read_as = name
    if feature is not None and name not in given and feature.renamed_from in given:
        read_as = feature.renamed_from or name
    if read_as not in given:
        raise EvergreenError("column is missing", where=f"{definition.name}.{name}")
    values = table[read_as]
    wanted = schema(definition).field(name).type
    try:
        if name not in definition.features:
            return _to_class(values) if pa.types.is_boolean(values.type) else values.cast(wanted)
        if wanted == pa.string():
            return _to_category(values)
        return _to_number(values)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise EvergreenError(
            f"column of type {values.type} cannot be read as {wanted}: {error}",
            where=f"{definition.name}.{name}",
        ) from error


def _require_exact(values: pa.ChunkedArray, where: str) -> None:
    ends = pc.min_max(values.cast(pa.float64(), safe=False)).as_py()
    largest = max((abs(end) for end in ends.values() if end is not None), default=0)
    if largest > MAX_WHOLE:
        raise EvergreenError(
            f"{largest:.0f} is not exact in 32 bits, which hold whole numbers up to {MAX_WHOLE}",
            where=where,
            fix=(
                "An id is a category or no feature at all. Of a timestamp take what a model learns "
                "from, such as the hours since. As type 'float' the number is rounded."
            ),
        )


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
