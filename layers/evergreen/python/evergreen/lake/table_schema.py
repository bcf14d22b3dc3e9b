"""The columns of an Iceberg table: made for a definition, and changed with it.

A column keeps its field id for ever, and files name their columns by id. Its ``doc`` is the name in
the definition, which does not change. A column whose feature has another type now is renamed, such
as ``age`` to ``age__string``: Iceberg refuses to make a text a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import DoubleType, LongType, NestedField, StringType, TimestamptzType

from evergreen.lake.tables import TIMESTAMP_TYPE

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.types import IcebergType, PrimitiveType

FIELD_ID = b"PARQUET:field_id"
"""Where a Parquet file names the id of a column; other engines read it too."""
_TYPES: dict[pa.DataType, PrimitiveType] = {
    TIMESTAMP_TYPE: TimestamptzType(),
    pa.string(): StringType(),
    pa.int64(): LongType(),
    pa.float64(): DoubleType(),
}
_OUTCOMES = ("model_output", "label")


def iceberg_schema(columns: pa.Schema) -> Schema:
    """Return the schema of a new table; the catalogue gives the ids anew, in the same order."""
    return Schema(
        *(
            NestedField(number, column.name, _TYPES[column.type], required=False, doc=column.name)
            for number, column in enumerate(columns, 1)
        )
    )


def by_day(schema: Schema) -> PartitionSpec:
    """Return the partitioning by the UTC day of ``timestamp``."""
    source = schema.find_field("timestamp").field_id
    return PartitionSpec(
        PartitionField(source_id=source, field_id=1000, transform=DayTransform(), name="day")
    )


def by_time(schema: Schema) -> SortOrder:
    """Return the order of rows within a file: by ``timestamp``."""
    source = schema.find_field("timestamp").field_id
    return SortOrder(SortField(source_id=source, transform=IdentityTransform()))


def field_ids(schema: Schema, columns: pa.Schema) -> dict[str, int]:
    """Return the ids of those columns that the table has, with the same type, by name."""
    wanted = {(column.name, _TYPES[column.type]) for column in columns}
    return {
        str(field.doc): field.field_id
        for field in schema.fields
        if (field.doc, field.field_type) in wanted
    }


def column_types(schema: Schema) -> dict[int, tuple[str, pa.DataType]]:
    """Return the name and type of each column, by id."""
    arrow: dict[IcebergType, pa.DataType] = {kind: name for name, kind in _TYPES.items()}
    return {
        field.field_id: (field.name, arrow[field.field_type])
        for field in schema.fields
        if field.field_type in arrow
    }


def is_of_task(schema: Schema, columns: pa.Schema) -> bool:
    """Say whether the outcomes of a table fit the present task: classes, or numbers."""
    outcomes = pa.schema([column for column in columns if column.name in _OUTCOMES])
    return len(field_ids(schema, outcomes)) == len(outcomes)


def evolve(table: Table, columns: pa.Schema) -> None:
    """Give a table the columns of the present definition; those it had before it keeps.

    Raises
    ------
    pyiceberg.exceptions.CommitFailedException
        If another compaction has changed the columns meanwhile.
    """
    schema = table.schema()
    ids = field_ids(schema, columns)
    names = {field.field_id: field.name for field in schema.fields}
    changed = [each for each in columns if names.get(ids.get(each.name, 0)) != each.name]
    if not changed:
        return
    new = {column.name for column in changed}
    taken = {*names.values(), *columns.names}
    retired = {}
    for field in schema.fields:
        if field.name in new:
            retired[field.name] = _free(f"{field.doc}__{field.field_type}", taken)
            taken.add(retired[field.name])
    names |= {field.field_id: retired.get(field.name, field.name) for field in schema.fields}
    with table.transaction() as transaction:
        if retired:
            with transaction.update_schema() as update:
                for old, name in retired.items():
                    update.rename_column((old,), name)
        with transaction.update_schema() as update:
            for column in changed:
                if column.name in ids:
                    update.rename_column((names[ids[column.name]],), column.name)
                else:
                    update.add_column((column.name,), _TYPES[column.type], doc=column.name)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
