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
    import pyarrow.parquet as pq

    from evergreen.lake.tables import TableKind
    from evergreen.model_definition import ModelDefinition

_SENT = "input_data"


def of_this_task(written: pa.Schema, kind: TableKind, definition: ModelDefinition) -> bool:
    """Say whether the outcomes in a file fit the present task: classes, or numbers."""
    name = "label" if kind.name == "labels" else "model_output"
    return bool(written.field(name).type == kind.schema(definition).field(name).type)


def read_group(
    file: pq.ParquetFile, group: int, schema: pa.Schema, definition: ModelDefinition
) -> pa.Table:
    """Read one group of rows of a file of any definition.

    Parameters
    ----------
    file
        The file, of this task.
    group
        Which of its groups.
    schema
        The columns wanted, as the present definition has them.
    """
    written = file.schema_arrow
    same = [name for name in schema.names if _has(written, schema.field(name))]
    again = [name for name in schema.names if name in definition.features and name not in same]
    table = file.read_row_group(group, [*same, _SENT] if again else same)
    columns = {name: table[name] for name in same}
    if again:
        sent = [features(json.loads(text), definition) for text in table[_SENT].to_pylist()]
        columns |= {name: pa.array([row[name] for row in sent]) for name in again}
    return pa.table(
        [
            columns[field.name].cast(field.type)
            if field.name in columns
            else pa.nulls(table.num_rows, field.type)
            for field in schema
        ],
        schema=schema,
    )


def _has(written: pa.Schema, wanted: pa.Field) -> bool:
    place = written.get_field_index(wanted.name)
    return place >= 0 and bool(written.field(place).type == wanted.type)
