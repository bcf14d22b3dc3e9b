"""How many rows two data sets have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from evergreen.datasets.schema import KEY, TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from evergreen.model_definition import ModelDefinition


def rows_in_common(
    definition: ModelDefinition, rows: pa.Table, others: pa.Table | None
) -> int | None:
    """Return how many of ``rows`` are among ``others``; None where the others are not known.

    The key identifies a row of the request log. Timestamp and features identify a row that was put
    together by hand.

    Parameters
    ----------
    definition
        The model that the rows are for.
    rows, others
        Rows of data sets.
    """
    if others is None:
        return None
    content = (TIMESTAMP, *definition.features)
    others = _as_named(definition, others)
    return sum(
        _count_in(mine, theirs, names)
        for names, mine, theirs in zip(
            (KEY, content), _by_origin(rows), _by_origin(others), strict=True
        )
    )


def _as_named(definition: ModelDefinition, rows: pa.Table) -> pa.Table:
    """Return rows with the names that renamed features have now."""
    there = set(rows.column_names)
    before = {
        feature.renamed_from: name
        for name, feature in definition.features.items()
        if name not in there and feature.renamed_from in there
    }
    return rows.rename_columns([before.get(name, name) for name in rows.column_names])


def _by_origin(table: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the rows of the request log, and those put together by hand."""
    if not set(KEY) <= set(table.column_names):
        return table.slice(0, 0), table
    unlogged = pc.is_null(table[KEY[0]])
    return table.filter(pc.invert(unlogged)), table.filter(unlogged)


def _count_in(rows: pa.Table, others: pa.Table, names: Sequence[str]) -> int:
    if not (rows.num_rows and others.num_rows):
        return 0
    known = set(_tuples(others, names))
    return sum(row in known for row in _tuples(rows, names))


def _tuples(table: pa.Table, names: Sequence[str]) -> list[tuple[object, ...]]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))
