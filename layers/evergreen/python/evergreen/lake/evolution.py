"""Schema evolution: files of earlier model definitions, read with the present one.

The column ``input_data`` holds what was sent, whatever the definition was. So a feature that was
added, or that has another type now, is read from there, in the same way as a line that has not been
compacted yet: a value that fits the present type is used, any other is missing. A dropped feature
is not read. A renamed feature counts as one that was dropped and one that was added.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.lake.records import features

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from evergreen.model_definition import ModelDefinition

SENT = "input_data"
"""The column with what a caller has sent, as JSON."""


def wanted_names(
    there: Collection[str], columns: pa.Schema, definition: ModelDefinition
) -> list[str]:
    """Return which columns to read of a file for the columns wanted.

    Parameters
    ----------
    there
        The columns of the file that have the present name and type.
    """
    names = [name for name in columns.names if name in there]
    again = any(name not in there and name in definition.features for name in columns.names)
    return [*names, SENT] if again and SENT not in names and SENT in there else names


def complete(
    found: Mapping[str, pa.ChunkedArray],
    rows: int,
    columns: pa.Schema,
    definition: ModelDefinition,
) -> pa.Table:
    """Return the columns wanted: those found, and the other features from what was sent.

    Parameters
    ----------
    found
        The columns that :func:`wanted_names` names.
    rows
        Their length.
    """
    columns_found = dict(found)
    again = [name for name in columns.names if name in definition.features and name not in found]
    if again and SENT in found:
        sent = [features(json.loads(text), definition) for text in found[SENT].to_pylist()]
        columns_found |= {name: pa.array([row[name] for row in sent]) for name in again}
    return pa.table(
        [
            columns_found[field.name].cast(field.type)
            if field.name in columns_found
            else pa.nulls(rows, field.type)
            for field in columns
        ],
        schema=columns,
    )
