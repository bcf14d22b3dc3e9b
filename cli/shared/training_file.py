"""A file of labelled rows as a data set: CSV or Parquet, for the first training of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from cli.shared.examples import MODELS, labelled_rows_of
from cli.shared.file_classes import with_classes
from cli.shared.text_columns import TIMES, as_moments, as_numbers, as_truths
from evergreen.datasets.schema import SPLIT, TIMESTAMP, normalise
from evergreen.errors import EvergreenError
from evergreen.lake.tables import TIMESTAMP_TYPE

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from cli.shared.file_classes import KnownClasses
    from evergreen.model_definition import ModelDefinition

_LARGEST = 3.4028234e38
"""A model sees numbers in 32 bits."""
_EMPTY = "Empty CSV file"


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
    table = _read(definition, file)
    there = set(table.column_names)
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
            fix=_how_to_have(definition, missing, wanted),
        )
    if not table.num_rows:
        raise _without_rows(file)
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


def read_rows_in_order(
    definition: ModelDefinition, file: Path, known: KnownClasses | None = None
) -> pd.DataFrame:
    """Read the rows of a file as a data set holds them, oldest first, for a replay.

    Parameters
    ----------
    definition, file
        As in :func:`read_training_file`.
    known
        The classes that the labels are of.

    Returns
    -------
    DataFrame
        The features (numbers float32 with NaN for missing), the target and ``timestamp``.

    Raises
    ------
    EvergreenError
        As :func:`read_training_file`, if a target is missing, and if a label is of another type
        than the known classes.
    """
    table, _ = with_classes(definition, read_training_file(definition, file), known, file)
    # A data set says of each row what it is for. These rows are for no training.
    table = table.append_column(SPLIT, pa.nulls(table.num_rows, pa.string()))
    rows: pd.DataFrame = normalise(definition, table).to_pandas()
    rows = rows.astype(dict.fromkeys(definition.numeric_features, "float32"))
    return rows[[*definition.features, definition.target, TIMESTAMP]]


def _read(definition: ModelDefinition, file: Path) -> pa.Table:
    """Return every column of a file, those of the model with their types."""
    is_text = file.name.endswith((".csv", ".csv.gz"))
    if not is_text and file.suffix != ".parquet":
        raise EvergreenError(
            "it is neither CSV nor Parquet",
            where=str(file),
            fix="Name it .csv, .csv.gz or .parquet.",
        )
    if not file.is_file():
        raise EvergreenError("file not found", where=str(file))
    ours = [*definition.features, *definition.moments, definition.target, TIMESTAMP]
    try:
        table = _read_texts(ours, file) if is_text else pq.read_table(file)
    except (OSError, pa.ArrowInvalid) as error:
        if _EMPTY in str(error):
            raise _without_rows(file) from error
        of_utf8 = "invalid UTF8" in str(error)
        raise EvergreenError(
            "it is not in UTF-8" if of_utf8 else f"it cannot be read: {error}",
            where=str(file),
            fix="Write it as CSV in UTF-8, with a header line and as many values in each row, or "
            "as Parquet.",
        ) from error
    twice = sorted({name for name in ours if table.column_names.count(name) > 1})
    if twice:
        raise EvergreenError(
            f"several columns are called {', '.join(twice)}",
            where=str(file),
            fix="Give each column a name of its own.",
        )
    return _typed(definition, table, file) if is_text else table


def _read_texts(names: list[str], file: Path) -> pa.Table:
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True
    )
    return pyarrow.csv.read_csv(file, convert_options=options)


def _typed(definition: ModelDefinition, table: pa.Table, file: Path) -> pa.Table:
    """Return what a CSV file holds with the types of the definition."""
    kinds = {name: feature.type for name, feature in definition.features.items()}
    if definition.task != "classification":
        kinds[definition.target] = "float"
    for place, name in enumerate(table.column_names):
        texts = table[name]
        if name == TIMESTAMP:
            typed = as_moments(texts, name, file)
        elif kinds.get(name) in {"float", "integer"}:
            typed = as_numbers(texts, name, file)
        elif kinds.get(name) == "boolean":
            typed = as_truths(texts, name, file)
        else:
            continue
        table = table.set_column(place, name, typed)
    return table


def _how_to_have(definition: ModelDefinition, missing: list[str], wanted: list[str]) -> str:
    fix = f"It must have {', '.join(wanted)}."
    if TIMESTAMP in missing:
        fix += f" Call the column with the time of the row {TIMESTAMP}"
        prepared = labelled_rows_of(MODELS, definition.name)
        named = prepared.relative_to(MODELS.parent)
        fix += f", or take {named}, which new-model wrote." if prepared.is_file() else "."
    return fix


def _without_rows(file: Path) -> EvergreenError:
    return EvergreenError(
        "it has no rows", where=str(file), fix="Bring a header line and labelled rows below it."
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
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        values = as_moments(values.cast(pa.string()), TIMESTAMP, file)
    if not pa.types.is_timestamp(values.type) or not values.type.tz:
        raise EvergreenError(
            f"{TIMESTAMP} has the type {values.type}, which names no zone",
            where=str(file),
            fix=TIMES,
        )
    if values.null_count:
        row = pc.index(values.is_null(), value=True).as_py() + 1
        raise EvergreenError(
            f"{TIMESTAMP}: row {row} has none, one of {values.null_count} missing values",
            where=str(file),
            fix=TIMES,
        )
    return values.cast(TIMESTAMP_TYPE)
