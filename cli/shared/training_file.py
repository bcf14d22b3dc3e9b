"""A file of labelled rows as a data set: CSV or Parquet, for the first training of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from evergreen.datasets.schema import SPLIT, TIMESTAMP, normalise
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from evergreen.model_definition import ModelDefinition

_MOMENT = pa.timestamp("us", tz="UTC")
_TIMES = f"Each row needs a {TIMESTAMP} with its zone, such as 2026-03-01T12:00:00Z."
_TRUE = ["true", "True", "TRUE", "1", "1.0"]
_FALSE = ["false", "False", "FALSE", "0", "0.0"]
"""Pandas writes booleans beside missing values as numbers."""
_LARGEST = 3.4028234e38
"""A model sees numbers in 32 bits."""
_CSV_TYPES = {
    "float": pa.float64(),
    "integer": pa.float64(),
    "boolean": pa.bool_(),
    "category": pa.string(),
    "text": pa.string(),
}


def read_training_file(definition: ModelDefinition, file: Path) -> pa.Table:
    """Read the rows of a file: the model's features, its target and ``timestamp``.

    Other columns are ignored. ``timestamp`` is the time of the row, with its zone: the newest rows
    become the holdout.

    Parameters
    ----------
    definition
        Names the columns and their types.
    file
        ``.csv``, ``.csv.gz`` or ``.parquet``.

    Raises
    ------
    EvergreenError
        If the file is missing or of another kind, lacks a column, or a value does not fit.
    """
    wanted = [*definition.features, definition.target, TIMESTAMP]
    try:
        table = _read(definition, file)
    except (OSError, pa.ArrowInvalid) as error:
        fix = _TIMES if "timestamp[" in str(error) else None
        raise EvergreenError(f"it cannot be read: {error}", where=str(file), fix=fix) from error
    there = set(table.column_names)
    twice = sorted({name for name in wanted if table.column_names.count(name) > 1})
    if twice:
        raise EvergreenError(
            f"several columns are called {', '.join(twice)}",
            where=str(file),
            fix="Give each column a name of its own.",
        )
    moments = [name for name in definition.moments if name in there]
    # What is derived from a moment that the file has is computed where the rows are used.
    wanted = [
        name
        for name in wanted
        if name in there
        or name not in definition.features
        or definition.features[name].derived_from not in there
    ]
    missing = [name for name in wanted if name not in there]
    if missing:
        raise EvergreenError(
            f"columns are missing: {', '.join(missing)}",
            where=str(file),
            fix=f"It must have {', '.join(wanted)}; {TIMESTAMP} is the time of the row.",
        )
    timed = table.select([*moments, *wanted])
    _require_finite(definition, timed, file)
    return timed.set_column(timed.num_columns - 1, TIMESTAMP, _moments(table, file))


def read_column(definition: ModelDefinition, file: Path, name: str) -> list[object]:
    """Return the values of one more column of a file, in the order of its rows.

    Raises
    ------
    EvergreenError
        If there is no such column.
    """
    table = _read(definition, file)
    if name not in table.column_names:
        raise EvergreenError(
            f"it has no column {name}",
            where=str(file),
            fix=f"Its columns are {', '.join(table.column_names)}.",
        )
    values: list[object] = table[name].to_pylist()
    return values


def read_rows_in_order(definition: ModelDefinition, file: Path) -> pd.DataFrame:
    """Read the rows of a file as a data set holds them, oldest first, for a replay.

    Returns
    -------
    DataFrame
        The features (numbers float32 with NaN for missing), the target and ``timestamp``.

    Raises
    ------
    EvergreenError
        As :func:`read_training_file`, and if a target is missing.
    """
    table = read_training_file(definition, file)
    # A data set says of each row what it is for. These rows are for no training.
    table = table.append_column(SPLIT, pa.nulls(table.num_rows, pa.string()))
    rows: pd.DataFrame = normalise(definition, table).to_pandas()
    rows = rows.astype(dict.fromkeys(definition.numeric_features, "float32"))
    return rows[[*definition.features, definition.target, TIMESTAMP]]


def _read(definition: ModelDefinition, file: Path) -> pa.Table:
    if file.name.endswith((".csv", ".csv.gz")):
        types = {name: _CSV_TYPES[each.type] for name, each in definition.features.items()}
        if definition.task == "classification":
            types[definition.target] = pa.string()
        types |= dict.fromkeys(definition.moments, pa.string())
        options = pyarrow.csv.ConvertOptions(
            column_types={**types, TIMESTAMP: _MOMENT},
            strings_can_be_null=True,
            true_values=_TRUE,
            false_values=_FALSE,
        )
        return pyarrow.csv.read_csv(file, convert_options=options)
    if file.suffix == ".parquet":
        return pq.read_table(file)
    raise EvergreenError(
        "it is neither CSV nor Parquet", where=str(file), fix="Name it .csv, .csv.gz or .parquet."
    )


def _require_finite(definition: ModelDefinition, table: pa.Table, file: Path) -> None:
    """Raise an EvergreenError that names the first number that 32 bits do not hold."""
    numbers = [name for name in table.column_names if pa.types.is_floating(table[name].type)]
    for name in numbers:
        if name not in {*definition.features, definition.target}:
            continue
        beyond = pc.greater(pc.abs(table[name]), pa.scalar(_LARGEST, table[name].type))
        row = pc.index(beyond, value=True).as_py()
        if row >= 0:
            raise EvergreenError(
                f"{name}: row {row + 1} has {table[name][row].as_py()}, which no model can take",
                where=str(file),
                fix="Leave the value out, or write a number up to 3.4e38.",
            )


def _moments(table: pa.Table, file: Path) -> pa.ChunkedArray:
    values = table[TIMESTAMP]
    if not (pa.types.is_timestamp(values.type) and values.type.tz) or values.null_count:
        raise EvergreenError(
            f"{TIMESTAMP} has the type {values.type} and {values.null_count} missing values",
            where=str(file),
            fix=_TIMES,
        )
    return values.cast(_MOMENT)
