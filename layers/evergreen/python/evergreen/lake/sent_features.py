"""Sent features: those that some rows have in ``input_data`` only, as SQL for a query engine.

A file has the columns of the definition that it was compacted with. A feature that was added,
retyped, or logged by a version with other features than ``model.toml``, is in the column
``input_data`` of its rows. The small engine reads it from there (:mod:`evergreen.lake.evolution`),
and so does a query. ``input_data`` is most of a log, so a query reads it only where it must.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from evergreen.lake.evolution import SENT
from evergreen.lake.recent import files_between
from evergreen.lake.table_schema import field_ids
from evergreen.lake.tables import REQUEST_LOG
from evergreen.model_definition.definition import PROBABILITIES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pyiceberg.table import Table

    from evergreen.model_definition import ModelDefinition


@dataclass(frozen=True, slots=True)
class SentFeatures:
    """Which features a query has to read from ``input_data``.

    Parameters
    ----------
    absent
        Features for which the table has no column of their type.
    partial
        Features whose column some of the files do not have.
    renamed
        Names of columns that are not called like their feature, by feature: the table has another
        column of that name, because the feature had another type meanwhile.
    probabilities
        Whether the table has a column of probabilities, for a model whose log has them.
    """

    absent: frozenset[str] = frozenset()
    partial: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = MappingProxyType({})
    probabilities: bool = True


NONE_SENT = SentFeatures()
"""Every file has a column for each feature."""


def sent_features(
    table: Table | None, definition: ModelDefinition, start: datetime, end: datetime
) -> SentFeatures:
    """Return which features the files with rows of ``start <= timestamp <= end`` lack.

    Parameters
    ----------
    table
        The model's request log, None before its first compaction.
    definition
        The features that are asked for.
    """
    if table is None:
        return NONE_SENT
    schema = table.schema()
    ids = field_ids(schema, REQUEST_LOG.schema(definition))
    names = {name: schema.find_field(ids[name]).name for name in definition.features if name in ids}
    # What is counted in a file is in the file.
    written = [set(file.value_counts or ()) for file in files_between(table, start, end)]
    return SentFeatures(
        absent=frozenset(name for name in definition.features if name not in names),
        partial=frozenset(
            name for name in names if any(ids[name] not in numbers for numbers in written)
        ),
        renamed={name: column for name, column in names.items() if column != name},
        probabilities=PROBABILITIES in ids or not definition.evaluation.takes_probabilities,
    )


def sent_value(name: str, *, numeric: bool) -> str:
    """Return SQL for the value of a feature as it was sent, null if it is not of its type.

    Parameters
    ----------
    name
        The feature, as an SQL literal.
    numeric
        Whether the column has numbers. ``true`` counts as 1 and ``false`` as 0.
    """
    value = f"element_at(TRY_CAST(json_parse({SENT}) AS map(varchar, json)), {name})"
    text = f"json_format({value})"
    if numeric:
        number = f"CASE {text} WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE {text} END"
        return f"TRY_CAST({number} AS double)"
    return f"CASE WHEN substr({text}, 1, 1) = '\"' THEN json_extract_scalar({value}, '$') END"
