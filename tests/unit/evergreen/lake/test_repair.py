"""What is gone or damaged blocks no day for good: it is named, and raw objects replace it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from evergreen.lake.tables import LABELS, REQUEST_LOG
from tests.support.small_lake import (
    DAY_BEFORE,
    LONG_AGO,
    RECENT,
    SmallLake,
    land,
    land_label,
)

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = timedelta(0)


@pytest.fixture
def lake(tmp_path: Path) -> SmallLake:
    lake = SmallLake(tmp_path)
    for day in (LONG_AGO, DAY_BEFORE, RECENT):
        land(lake.storage, "one", f"r{day}", day)
    land_label(lake.storage)
    lake.compact()
    return lake


IDS = sorted(f"r{day}" for day in (LONG_AGO, DAY_BEFORE, RECENT))


@pytest.mark.parametrize("body", [None, b"", b"half", b"\x1f\x8b\x08half"])
def test_a_list_of_held_objects_is_written_anew(lake: SmallLake, body: bytes | None) -> None:
    [key] = lake.stored(f"{REQUEST_LOG.held_prefix('m')}{RECENT}")
    if body is None:
        lake.storage.delete(key)
    else:
        lake.storage.put(key, body)
    land(lake.storage, "two", "new")
    report = lake.compact(keep_raw=NOTHING)
    assert [(each.place, each.reason.split(":")[0]) for each in report.failures] == [
        (key, "HeldListError")
    ]
    # The rows that were there are known: nothing is added twice.
    assert [(each.objects, each.rows, each.duplicates) for each in report.done] == [(2, 1, 1)]
    assert lake.compact().failures == []
    assert lake.ids() == sorted([*IDS, "new"])
    assert lake.raw() == []


def test_rows_of_a_file_that_is_gone_are_loaded_again(lake: SmallLake) -> None:
    [key] = lake.stored(f"{REQUEST_LOG.table_prefix('m')}data/day={RECENT}/")
    lake.storage.delete(key)
    report = lake.compact()
    assert [(each.table, each.place) for each in report.failures] == [("request-log", key)]
    # What can have been in that file is read again, and what the table still has is known.
    assert {each.day for each in report.done} <= {str(DAY_BEFORE), str(RECENT)}
    assert sum(each.rows for each in report.done) == 1
    assert lake.ids() == IDS
    assert lake.compact(keep_raw=NOTHING).failures == []
    assert lake.ids() == IDS


def test_raw_is_kept_while_the_file_with_its_rows_is_gone(lake: SmallLake) -> None:
    for key in lake.data_files():
        lake.storage.delete(key)
    held = lake.stored(REQUEST_LOG.held_prefix("m"))
    raw = lake.raw()
    report = lake.compact(include_open=False, keep_raw=timedelta(days=999))
    assert len(report.failures) == len(held) == 3
    assert lake.raw() == raw
    lake.compact(keep_raw=NOTHING)
    assert lake.ids() == IDS
    assert lake.raw() == []


def test_rows_whose_raw_objects_are_removed_are_lost_and_stop_nothing(lake: SmallLake) -> None:
    lake.compact(keep_raw=NOTHING)
    [key] = lake.stored(f"{REQUEST_LOG.table_prefix('m')}data/day={RECENT}/")
    lake.storage.delete(key)
    land(lake.storage, "two", "new")
    assert [each.place for each in lake.compact().failures] == [key]
    assert lake.ids() == sorted([*IDS[:2], "new"])
    assert lake.compact().failures == []


@pytest.mark.parametrize("body", [None, b"", b"{half", b"{}"])
def test_a_table_whose_metadata_is_damaged_is_read_as_it_was_before(
    lake: SmallLake, body: bytes | None
) -> None:
    land(lake.storage, "two", "new")
    lake.compact()
    prefix = f"{REQUEST_LOG.table_prefix('m')}metadata/"
    key = [each for each in lake.stored(prefix) if each.endswith(".json")][-1]
    if body is None:
        lake.storage.delete(key)
    else:
        lake.storage.put(key, body)
    report = lake.compact()
    assert [(each.table, each.place) for each in report.failures] == [
        ("request-log", REQUEST_LOG.table_prefix("m"))
    ]
    assert [each.rows for each in report.done] == [1]
    assert lake.ids() == sorted([*IDS, "new"])
    assert lake.compact().failures == []


def test_a_new_bucket_begins_anew_whatever_the_catalogue_remembers(lake: SmallLake) -> None:
    for key in lake.stored():
        lake.storage.delete(key)
    land(lake.storage, "two", "new")
    report = lake.compact()
    assert {each.table for each in report.failures} == {"request-log"}
    assert lake.ids() == ["new"]
    assert lake.compact().failures == []


def test_a_table_that_the_catalogue_has_lost_is_found_again(lake: SmallLake) -> None:
    lake.compact(keep_raw=NOTHING)
    lost = SmallLake(lake.path)
    land(lost.storage, "two", "new")
    assert lost.compact().failures == []
    assert lost.ids() == sorted([*IDS, "new"])
    assert lost.catalog.load(LABELS, "m") is None
