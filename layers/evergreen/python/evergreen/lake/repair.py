"""Repair: a file that a table names and that is gone is taken out, so that raw objects replace it.

Nothing of ours removes such a file. But whoever may write to the bucket can.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from evergreen.lake.commits import replace
from evergreen.lake.data_files import time_range
from evergreen.lake.held import held_lists
from evergreen.lake.reader import EARLIEST_LANDING, LATEST_LANDING
from evergreen.lake.recent import files_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from evergreen.lake.tables import TableKind
    from evergreen.storage import Storage

_DAY = timedelta(days=1)


def missing_files(storage: Storage, table: Table, first: date, last: date) -> list[DataFile]:
    """Return the files with rows that can have landed from one day to another, and are gone."""
    start, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (first, last))
    files = files_between(table, start - LATEST_LANDING, end + _DAY + EARLIEST_LANDING)
    folders = {file.file_path.rpartition("/")[0] + "/" for file in files}
    there = {storage.uri(item.key) for each in folders for item in storage.list(storage.key(each))}
    return [file for file in files if file.file_path not in there]


def without_missing(
    storage: Storage, table: Table, kind: TableKind, model: str, missing: Sequence[DataFile]
) -> None:
    """Take files that are gone out of a table, and let go of the raw objects that are still there.

    They are loaded again by the compactions that follow; rows that the table still has are known.
    """
    lists = held_lists(table)
    free = [
        day
        for day in lists
        if any(_can_have_landed(table, file, day) for file in missing)
        and next(storage.list(kind.raw_prefix(model, day)), None) is not None
    ]
    replace(table, missing, (), free)


def _can_have_landed(table: Table, file: DataFile, day: date) -> bool:
    known = time_range(table, file)
    if known is None:
        return True
    first, last = known
    return (first - EARLIEST_LANDING).date() <= day <= (last + LATEST_LANDING).date()
