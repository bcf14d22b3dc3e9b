"""Erasure: rows leave every place where Evergreen keeps them, for a data subject's request.

The places that only say when a row was predicted come first, and the request log, which says which
rows there are, comes last. So a second run finds what a killed one has left.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from evergreen.clock import Moment
from evergreen.datasets.erasure import (
    erase_from_datasets,
    erase_from_holdouts,
    timestamps_in_datasets,
)
from evergreen.lake.erasure import ErasureError, LakeErasure
from evergreen.lake.query_places import QUERIES
from evergreen.lake.tables import LABELS, REQUEST_LOG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from evergreen.clock import Clock
    from evergreen.lake.catalog import LakeCatalog
    from evergreen.lake.erased_rows import ErasedRows
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage


class ErasureRecord(BaseModel):
    """The record of an erasure. It has numbers only, so it can be kept."""

    model_config = ConfigDict(frozen=True)

    erasure_id: str
    model: str
    by: str
    """``request`` or ``where``: how the rows were named."""
    requests: int
    """Number of request ids that were given or found."""
    started_at: Moment
    finished_at: Moment | None = None
    """None if the erasure was killed. A later one has completed it, if one was run."""
    erased: dict[str, int] = {}
    """Rows that were removed, by place."""
    old_versions: int = 0
    """Older versions of objects that were removed from the bucket."""


def erase(
    storage: Storage,
    catalog: LakeCatalog,
    definition: ModelDefinition,
    erased: ErasedRows,
    *,
    by: str,
    clock: Clock,
    on_step: Callable[[str], None] = lambda _: None,
) -> ErasureRecord:
    """Remove rows from every place, and write down how many there were.

    Parameters
    ----------
    storage, catalog
        The data bucket and its tables.
    definition, erased
        The model, and its rows.
    by
        How they were named.
    on_step
        Called with the name of each place before it is cleaned.

    Raises
    ------
    ErasureError
        If rows are left, because others wrote at the same time.
    """
    started = clock()
    record = ErasureRecord(
        erasure_id=f"{started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}",
        model=definition.name,
        by=by,
        requests=len(erased.requests | {request_id for request_id, _ in erased.rows}),
        started_at=started,
    )
    key = f"erasures/model={definition.name}/{record.erasure_id}.json"
    storage.put(key, record.model_dump_json(indent=2).encode())
    lake = LakeErasure(storage, catalog, definition, erased)
    counts: dict[str, int] = {}
    for place, remove in _steps(storage, lake, definition, erased):
        on_step(place)
        counts[place] = remove()
    on_step("older versions of objects")
    versions = sum(storage.purge(prefix) for prefix in _prefixes(definition.name))
    if left := lake.remaining():
        raise ErasureError(
            f"{left} rows are left, because something else wrote at the same time",
            where=definition.name,
            fix="Run the command again.",
        )
    record = record.model_copy(
        update={"finished_at": clock(), "erased": counts, "old_versions": versions}
    )
    storage.put(key, record.model_dump_json(indent=2).encode())
    return record


def _steps(
    storage: Storage, lake: LakeErasure, definition: ModelDefinition, erased: ErasedRows
) -> Iterator[tuple[str, Callable[[], int]]]:
    name = definition.name

    def holdouts() -> int:
        found: set[datetime] = timestamps_in_datasets(storage, name, erased)
        return erase_from_holdouts(storage, name, found | {*lake.timestamps(REQUEST_LOG)})

    yield "holdout predictions", holdouts
    yield "data sets", lambda: sum(erase_from_datasets(storage, definition, erased).values())
    for kind, said in ((LABELS, "labels"), (REQUEST_LOG, "request log")):
        yield f"{said}: rejected lines", lambda kind=kind: lake.erase_rejected(kind)  # type: ignore[misc]
        yield f"{said}: raw objects", lambda kind=kind: lake.erase_raw(kind)  # type: ignore[misc]
        yield f"{said}: table", lambda kind=kind: lake.erase_table(kind)  # type: ignore[misc]


def _prefixes(model: str) -> Iterator[str]:
    for kind in (LABELS, REQUEST_LOG):
        yield kind.landing_prefix(model)
        yield kind.table_prefix(model)
        yield kind.rejected_prefix(model)
    yield f"datasets/{model}/"
    yield f"bundles/{model}/"
    yield QUERIES
