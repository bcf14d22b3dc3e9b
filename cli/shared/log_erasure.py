"""Erasure of rows of a deployment, named by their request or by a condition in SQL."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cli.shared.log_queries import LogDatabase
from evergreen.capture.request_log import is_request_id
from evergreen.clock import utc_now
from evergreen.errors import EvergreenError
from evergreen.lake.erased_rows import ErasedRows
from evergreen.lake.erasure import first_moment
from evergreen.repair.erasure import ErasureRecord, erase

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cli.shared.target import Target
    from evergreen.model_definition import ModelDefinition

_AHEAD = timedelta(days=1)


def find_rows(
    target: Target, definition: ModelDefinition, requests: Sequence[str], where: str | None
) -> ErasedRows:
    """Return the rows that a person has named.

    Parameters
    ----------
    requests
        Request ids.
    where
        A condition on the view ``request_log``, instead of ``requests``.

    Raises
    ------
    EvergreenError
        If one of the ids is none.
    LogQueryError
        If the condition is none that DuckDB can compute.
    """
    if where is None:
        for each in requests:
            if not is_request_id(each):
                raise EvergreenError(
                    f"{each!r} is no request_id of an answer",
                    where="--delete-request",
                    fix="Look it up with --sql, or use --delete-where.",
                )
        return ErasedRows(requests=frozenset(requests))
    start = first_moment(target.storage, target.lake_tables, definition)
    if start is None:
        return ErasedRows()
    # The condition stands on a line of its own, so that a comment in it ends there.
    sql = f"select distinct request_id, row from request_log where (\n{where}\n)"  # noqa: S608
    with TemporaryDirectory(prefix="evergreen-") as folder:
        window = (start, utc_now() + _AHEAD)
        found = LogDatabase(target.lake, definition, window, Path(folder)).query(sql)
        keys = {
            key
            for batch in found
            for key in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        }
    return ErasedRows(rows=frozenset(keys))


def erase_rows(
    target: Target,
    definition: ModelDefinition,
    rows: ErasedRows,
    *,
    by: str,
    say: Callable[[str], None],
) -> ErasureRecord:
    """Erase rows, and return the record of it."""
    return erase(
        target.storage,
        target.lake_tables,
        definition,
        rows,
        by=by,
        clock=utc_now,
        on_step=say,
    )
