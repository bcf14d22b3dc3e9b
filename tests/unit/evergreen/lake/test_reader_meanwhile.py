"""Readers see each row once while compactions, removals and rewrites go on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.lake.reader import Lake
from evergreen.lake.tables import REQUEST_LOG
from evergreen.lake.upkeep import maintain
from tests.support.folder_bucket import Folder
from tests.support.small_lake import DEFINITION, LATER, LONG_AGO, SmallLake, land, noon

if TYPE_CHECKING:
    import io
    from collections.abc import Callable
    from pathlib import Path

    from evergreen.lake.catalog import LakeCatalog

DAY = timedelta(days=1)
WINDOW = (noon(LONG_AGO), noon(LONG_AGO) + DAY)


class Overtaken(Folder):
    """A bucket in which something happens after the raw objects are listed."""

    def __init__(self, path: Path, event: Callable[[], None]) -> None:
        super().__init__(path)
        self._events = [event]

    def get(self, key: str) -> bytes | None:
        while self._events:
            self._events.pop()()
        return super().get(key)

    def open(self, key: str) -> io.IOBase:
        while self._events:
            self._events.pop()()
        return super().open(key)


@pytest.mark.parametrize("compacted", [False, True])
def test_what_is_compacted_and_removed_meanwhile_is_read(tmp_path: Path, compacted: bool) -> None:
    lake = SmallLake(tmp_path)
    land(lake.storage, "one", "r1", LONG_AGO)
    if compacted:
        lake.compact()
    land(lake.storage, "two", "r2", LONG_AGO)

    def event() -> None:
        assert lake.compact(keep_raw=timedelta(0)).removed == 2

    seen = lake.seen_by(Overtaken(tmp_path, event))
    assert seen.ids() == ["r1", "r2"]


class StaleFirst:
    """A catalogue whose first answer is a table as it was."""

    def __init__(self, catalog: LakeCatalog) -> None:
        self._catalog = catalog
        self._stale = [catalog.load(REQUEST_LOG, "m")]

    def load(self, *told: Any) -> Any:
        return self._stale.pop() if self._stale else self._catalog.load(*told)


def test_files_that_are_rewritten_and_removed_meanwhile_are_read(tmp_path: Path) -> None:
    lake = SmallLake(tmp_path)
    for name in ("r1", "r2"):
        land(lake.storage, name, name, LONG_AGO)
        lake.compact()
    stale: Any = StaleFirst(lake.catalog)
    report = maintain(lake.storage, lake.catalog, DEFINITION, clock=lambda: LATER + 30 * DAY)
    assert (report.rewritten, report.failures) == (2, [])
    assert len(lake.data_files()) == 1
    table = Lake(lake.storage, stale).predictions(DEFINITION, *WINDOW)
    assert table["request_id"].to_pylist() == ["r1", "r2"]
