"""Upkeep: fewer and larger files with the same rows, and nothing that is left over."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.lake.tables import LABELS, REQUEST_LOG
from evergreen.lake.upkeep import KEEP_SNAPSHOTS, SAFE_AGE, UpkeepReport, maintain
from evergreen.model_definition import ModelDefinition
from tests.support.folder_bucket import Mortal
from tests.support.killed import Killed
from tests.support.small_lake import (
    DEFINITION,
    LATER,
    LONG_AGO,
    NOW,
    RECENT,
    SmallLake,
    land,
    land_label,
    noon,
)

if TYPE_CHECKING:
    from datetime import datetime

DAY = timedelta(days=1)


@pytest.fixture
def lake(tmp_path: Path) -> SmallLake:
    return SmallLake(tmp_path)


def _maintain(lake: SmallLake, clock: datetime = LATER) -> UpkeepReport:
    return maintain(lake.storage, lake.catalog, DEFINITION, clock=lambda: clock)


def _compacted(lake: SmallLake, count: int, **moved: Any) -> None:
    for number in range(count):
        name = f"r{number}-{sum(moved.values(), start=0)}"
        land(lake.storage, name, name, LONG_AGO, minutes=count - number, **moved)
        lake.compact()


def _snapshots(lake: SmallLake) -> int:
    table = lake.catalog.load(REQUEST_LOG, "m")
    assert table is not None
    return len(table.metadata.snapshots)


def test_there_may_be_nothing_to_do(lake: SmallLake) -> None:
    assert _maintain(lake) == UpkeepReport()
    _compacted(lake, 1)
    assert _maintain(lake) == UpkeepReport()


def test_small_files_of_a_closed_day_become_one_sorted_by_time(lake: SmallLake) -> None:
    _compacted(lake, 3)
    ids = lake.ids()
    report = _maintain(lake)
    assert (report.rewritten, report.failures) == (3, [])
    table = lake.catalog.load(REQUEST_LOG, "m")
    assert table is not None
    [task] = table.scan().plan_files()
    rows = pq.read_table(lake.path / lake.storage.key(task.file.file_path))
    assert rows["request_id"].to_pylist() == ["r2-0", "r1-0", "r0-0"]
    assert lake.ids() == ids
    assert _maintain(lake).rewritten == 0


def test_files_of_an_open_day_stay(lake: SmallLake) -> None:
    for name in ("r1", "r2"):
        land(lake.storage, name, name, RECENT)
        lake.compact()
    # A day later its last rows may still land, whatever time it is now.
    assert _maintain(lake, noon(RECENT) + DAY).rewritten == 0
    assert _maintain(lake, noon(RECENT) + 2 * DAY).rewritten == 2


def test_large_files_stay(lake: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evergreen.lake.upkeep.SMALL_FILE_BYTES", 1)
    _compacted(lake, 2)
    assert _maintain(lake).rewritten == 0


def test_files_are_full_at_some_size(lake: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evergreen.lake.rewriting.FULL_FILE_BYTES", 1)
    monkeypatch.setattr("evergreen.lake.rewriting.GROUP_ROWS", 1)
    _compacted(lake, 3)
    assert _maintain(lake).rewritten == 3
    table = lake.catalog.load(REQUEST_LOG, "m")
    assert table is not None
    assert len(list(table.scan().plan_files())) > 1
    assert lake.ids() == ["r0-0", "r1-0", "r2-0"]


def test_a_label_that_was_repeated_stays_the_last(lake: SmallLake) -> None:
    for value in (1.0, 2.0, 3.0):
        moment = f"{LONG_AGO}T13:0{int(value)}:00.000000Z"
        land_label(lake.storage, LONG_AGO, f"{value}", label=value, timestamp=moment)
        lake.compact(keep_raw=timedelta(0))
    assert _maintain(lake).rewritten == 3
    found = lake.reader().labels(DEFINITION, NOW - 40 * DAY, NOW)
    assert found["label"].to_pylist() == [3.0]
    assert lake.ids(LABELS) == ["r1"]


def test_old_snapshots_expire_and_the_newest_stays(lake: SmallLake) -> None:
    _compacted(lake, 3)
    assert _maintain(lake, NOW + KEEP_SNAPSHOTS / 2).snapshots == 0
    assert _snapshots(lake) == 4
    assert _maintain(lake, LATER + KEEP_SNAPSHOTS).snapshots == 3
    assert _snapshots(lake) == 1
    assert lake.ids() == ["r0-0", "r1-0", "r2-0"]


def test_files_that_nothing_names_go_when_they_are_old(lake: SmallLake) -> None:
    _compacted(lake, 3)
    left = [
        f"{REQUEST_LOG.table_prefix('m')}data/day=2026-01-01/left.parquet",
        f"{REQUEST_LOG.table_prefix('m')}metadata/left.avro",
        f"{REQUEST_LOG.held_prefix('m')}2026-01-01/left.held",
    ]
    for key in left:
        lake.storage.put(key, b"x")
    assert _maintain(lake, NOW + SAFE_AGE - DAY).removed == 0
    report = _maintain(lake, LATER + SAFE_AGE + KEEP_SNAPSHOTS)
    assert report.failures == []
    assert not set(left) & {*lake.stored()}
    assert len(lake.data_files()) == 1
    assert len(lake.stored(REQUEST_LOG.held_prefix("m"))) == 1
    assert lake.ids() == ["r0-0", "r1-0", "r2-0"]
    land(lake.storage, "new", "new")
    assert lake.compact().failures == []


def test_the_list_of_a_day_goes_with_its_last_raw_object(lake: SmallLake) -> None:
    _compacted(lake, 1)
    _maintain(lake, LATER + 2 * SAFE_AGE)
    assert len(lake.stored(REQUEST_LOG.held_prefix("m"))) == 1
    lake.compact(keep_raw=timedelta(0))
    _maintain(lake, LATER + 2 * SAFE_AGE)
    assert lake.stored(REQUEST_LOG.held_prefix("m")) == []
    assert lake.ids() == ["r0-0"]


def test_one_table_that_fails_stops_no_other(lake: SmallLake) -> None:
    _compacted(lake, 2)
    land_label(lake.storage, LONG_AGO)
    lake.compact()
    for number in range(2):
        land_label(lake.storage, LONG_AGO, f"again{number}", request_id=f"r{number}")
        lake.compact()
    for key in lake.data_files():
        lake.storage.delete(key)
    report = _maintain(lake)
    assert [(name, reason.split(":")[0]) for name, reason in report.failures] == [
        ("m_request_log", "rewrite")
    ]
    assert report.rewritten == 2


def test_files_of_several_definitions_keep_what_each_column_means(lake: SmallLake) -> None:
    """A file without a column is read from what was sent; with an empty one it would not be."""
    _compacted(lake, 2)
    changed = {"b": {"type": "float"}, "a": {"type": "category"}}
    newer = ModelDefinition.model_validate(DEFINITION.model_dump() | {"features": changed})
    for number in range(2):
        key = land(lake.storage, f"n{number}", f"n{number}", LONG_AGO)
        body = (lake.storage.get(key) or b"").replace(b'"a":1.5', b'"a":"x","b":2.5')
        lake.storage.put(key, body)
    from evergreen.lake.compaction import compact  # noqa: PLC0415

    compact(lake.storage, lake.catalog, newer, include_open=True)
    window = (NOW - 40 * DAY, NOW)
    before = {
        each.features["a"].type: lake.reader().predictions(each, *window).to_pylist()
        for each in (DEFINITION, newer)
    }
    assert _maintain(lake).rewritten == 2
    for each in (DEFINITION, newer):
        after = lake.reader().predictions(each, *window).to_pylist()
        assert after == before[each.features["a"].type]
    assert [row["a"] for row in before["category"]] == ["x", "x", None, None]
    assert [row["a"] for row in before["float"]] == [None, None, 1.5, 1.5]


@settings(deadline=None, max_examples=6)
@given(st.integers(0, 25), st.booleans())
def test_killed_at_any_change_no_row_is_lost_or_doubled(changes: int, at_once: bool) -> None:
    clock = LATER + SAFE_AGE + KEEP_SNAPSHOTS
    with TemporaryDirectory() as folder:
        lake = SmallLake(Path(folder))
        _compacted(lake, 3)
        ids = lake.ids()
        with suppress(Killed):
            _maintain(lake.seen_by(Mortal(lake.path, changes)), clock)
        assert lake.ids() == ids
        if not at_once:
            land(lake.storage, "new", "new", LONG_AGO)
            lake.compact()
            ids = sorted([*ids, "new"])
        _maintain(lake, clock)
        _maintain(lake, clock + 2 * SAFE_AGE)
        assert lake.ids() == ids
        assert len(lake.data_files()) == 1
