"""Compaction: whatever fails stops nothing else, and no raw object goes before a table has it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from evergreen.lake.compaction import CLOSING_TIME, Compaction, Failure, compact
from evergreen.lake.loading import Load
from evergreen.lake.tables import LABELS, MAX_REASON, REQUEST_LOG
from tests.support.folder_bucket import Folder
from tests.support.killed import Killed
from tests.support.small_lake import (
    DEFINITION,
    LATER,
    LONG_AGO,
    NOW,
    RECENT,
    Aged,
    SmallLake,
    land,
    land_label,
    noon,
)

if TYPE_CHECKING:
    from pathlib import Path

HOUR = timedelta(hours=1)
NOTHING = timedelta(0)


@pytest.fixture
def lake(tmp_path: Path) -> SmallLake:
    return SmallLake(tmp_path)


class Failing(Folder):
    """S3 that refuses some objects: what IAM, KMS or a fault of S3 does."""

    def __init__(self, path: Path, refused: str) -> None:
        super().__init__(path)
        self.refused = refused

    def get(self, key: str) -> bytes | None:
        self._check(key)
        return super().get(key)

    def put(self, key: str, body: bytes) -> None:
        self._check(key)
        super().put(key, body)

    def _check(self, key: str) -> None:
        if key.startswith(self.refused):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": key}}, "S3")


def _compact_without(lake: SmallLake, refused: str, **how: Any) -> Any:
    return lake.seen_by(Failing(lake.path, refused)).compact(**how)


def test_an_object_that_cannot_be_read_waits_and_all_others_are_compacted(lake: SmallLake) -> None:
    bad = land(lake.storage, "bad", "r0")
    land(lake.storage, "good", "r1")
    land(lake.storage, "older", "r2", LONG_AGO)
    land_label(lake.storage)
    report = _compact_without(lake, bad)
    assert [(each.place, each.reason.split(":")[0]) for each in report.failures] == [
        (bad, "ClientError")
    ]
    assert sorted((each.table, each.day) for each in report.done) == [
        ("labels", RECENT.isoformat()),
        ("request-log", LONG_AGO.isoformat()),
        ("request-log", RECENT.isoformat()),
    ]
    assert report.oldest_waiting is not None
    again = lake.compact()
    assert (again.failures, again.oldest_waiting) == ([], None)
    assert lake.ids() == ["r0", "r1", "r2"]


def test_a_day_that_fails_stops_no_other_day_and_no_other_table(lake: SmallLake) -> None:
    land(lake.storage, "older", "r0", LONG_AGO)
    land(lake.storage, "newer", "r1")
    land_label(lake.storage)
    refused = f"{REQUEST_LOG.held_prefix('m')}{LONG_AGO}"
    report = _compact_without(lake, refused)
    assert [each.place for each in report.failures] == [REQUEST_LOG.raw_prefix("m", LONG_AGO)]
    assert {each.table for each in report.done} == {"request-log", "labels"}
    assert report.oldest_waiting is not None
    assert lake.compact().failures == []
    assert lake.ids() == ["r0", "r1"]


def test_a_table_that_cannot_be_written_stops_no_other(lake: SmallLake) -> None:
    land(lake.storage, "one", "r1")
    land_label(lake.storage)
    report = _compact_without(lake, REQUEST_LOG.table_prefix("m"), keep_raw=NOTHING)
    assert {each.table for each in report.failures} == {"request-log"}
    assert [each.table for each in report.done] == ["labels"]
    assert lake.raw() == [f"{REQUEST_LOG.raw_prefix('m', RECENT)}12/one"]
    assert lake.ids() == ["r1"]


def test_a_table_that_cannot_be_listed_stops_no_other(lake: SmallLake) -> None:
    land_label(lake.storage)

    class Unlisted(Folder):
        def list(self, prefix: str, start_after: str = "") -> Any:
            if prefix.startswith("request-log/"):
                raise ClientError({"Error": {"Code": "SlowDown", "Message": prefix}}, "List")
            return super().list(prefix, start_after)

    report = lake.seen_by(Unlisted(lake.path)).compact()
    assert [each.place for each in report.failures] == ["request-log/raw/model=m/"]
    assert [each.table for each in report.done] == ["labels"]


def test_one_label_beyond_64_bits_stops_nobody_and_is_set_aside(lake: SmallLake) -> None:
    land(lake.storage, "one", "r1")
    land_label(lake.storage, row=9223372036854775808)
    land_label(lake.storage)
    assert lake.compact().failures == []
    assert lake.ids(LABELS) == ["r1"]
    [kept] = lake.stored("rejected/labels/model=m/")
    [line] = (lake.storage.get(kept) or b"").splitlines()
    assert "row" in json.loads(line)["reason"]
    labelled = lake.reader().labelled(DEFINITION, NOW - timedelta(days=2), NOW + HOUR)
    assert labelled.num_rows == 1


def test_raw_is_removed_when_it_is_old_and_the_table_holds_it(lake: SmallLake) -> None:
    land(lake.storage, "one", "r1", LONG_AGO)
    assert lake.compact(keep_raw=timedelta(days=1)).removed == 0
    report = lake.compact(keep_raw=NOTHING)
    assert (report.removed, report.failures) == (1, [])
    assert lake.raw() == []
    assert lake.ids() == ["r1"]
    assert lake.compact(keep_raw=NOTHING).removed == 0


def test_raw_that_no_table_holds_stays_however_old_it_is(lake: SmallLake) -> None:
    bad = land(lake.storage, "bad", "r0", LONG_AGO)
    land(lake.storage, "good", "r1", LONG_AGO)
    assert _compact_without(lake, bad, keep_raw=NOTHING).removed == 1
    assert lake.raw() == [bad]


def test_an_object_below_no_day_is_named(lake: SmallLake) -> None:
    astray = "request-log/raw/model=m/2026-05-04/astray"
    lake.storage.put(astray, b"{}")
    report = lake.compact(keep_raw=NOTHING)
    assert [each.place for each in report.failures] == [astray]
    assert report.oldest_waiting is not None
    assert lake.raw() == [astray]


def test_an_open_day_waits_and_says_since_when(lake: SmallLake) -> None:
    land(lake.storage, "one", "r1", NOW.date())
    report = lake.compact(include_open=False, clock=lambda: NOW)
    assert (report.done, report.failures) == ([], [])
    assert report.oldest_waiting is not None
    assert abs(report.oldest_waiting - NOW) < HOUR


def test_a_compaction_says_what_it_did(lake: SmallLake) -> None:
    land(lake.storage, "one", "r1")
    land(lake.storage, "again", "r1")
    land(lake.storage, "two", "r2")
    key = f"{REQUEST_LOG.raw_prefix('m', RECENT)}12/zz"
    lake.storage.put(key, b"half a li\n{}\n")
    report = lake.compact()
    day = RECENT.isoformat()
    assert report.done == [Compaction("request-log", "m", day, 4, 2, 1, 2)]
    assert (report.failures, report.oldest_waiting, report.removed) == ([], None, 0)
    [kept] = lake.stored("rejected/")
    assert kept.startswith(f"rejected/request-log/model=m/dt={day}/")
    body = lake.storage.get(kept) or b""
    lines = [json.loads(line) for line in body.splitlines()]
    assert [(line["source"], line["line"]) for line in lines] == [(key, "half a li"), (key, "{}")]
    assert all(line["reason"] for line in lines)
    # What a second run adds is counted on its own.
    land_label(lake.storage)
    land(lake.storage, "three", "r3")
    land(lake.storage, "once more", "r2")
    assert lake.compact().done == [
        Compaction("request-log", "m", day, 2, 1, 1, 0),
        Compaction("labels", "m", day, 1, 1, 0, 0),
    ]
    assert len(lake.stored("rejected/")) == 1
    assert lake.compact().done == []


def test_an_object_that_is_read_again_is_rejected_once(lake: SmallLake) -> None:
    lake.storage.put(f"{REQUEST_LOG.raw_prefix('m', RECENT)}12/bad", b"half a li\n")
    _compact_without(lake, REQUEST_LOG.held_prefix("m"))
    land(lake.storage, "one", "r1")
    assert [each.rejected for each in lake.compact().done] == [1]
    assert len(lake.stored("rejected/")) == 1


@pytest.mark.parametrize(
    ("after_midnight", "due"),
    [(NOTHING, False), (CLOSING_TIME - timedelta(seconds=1), False), (CLOSING_TIME, True)],
)
def test_a_day_is_due_once_it_is_closed(
    lake: SmallLake, after_midnight: timedelta, due: bool
) -> None:
    land(lake.storage, "one", "r1")
    midnight = datetime(RECENT.year, RECENT.month, RECENT.day, tzinfo=UTC) + timedelta(days=1)
    report = lake.compact(include_open=False, clock=lambda: midnight + after_midnight)
    assert len(report.done) == due
    assert (report.oldest_waiting is None) is due


@pytest.mark.parametrize(("missing", "due"), [(1, False), (0, True), (-1, True)])
def test_an_open_day_is_due_once_what_is_new_is_large(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch, missing: int, due: bool
) -> None:
    land(lake.storage, "old", "r0")
    lake.compact()
    keys = [land(lake.storage, name, name) for name in ("r1", "r2")]
    size = sum(len(lake.storage.get(key) or b"") for key in keys)
    monkeypatch.setattr("evergreen.lake.compaction.OPEN_PARTITION_BYTES", size + missing)
    report = lake.compact(include_open=False, clock=lambda: noon(RECENT))
    assert [each.objects for each in report.done] == [2] * due


def test_raw_is_removed_once_it_is_older_than_it_is_kept(tmp_path: Path) -> None:
    bucket = Aged(tmp_path)
    lake = SmallLake(tmp_path, bucket)
    bucket.ages = {
        land(bucket, "at", "r1"): HOUR,
        land(bucket, "before", "r2"): HOUR + timedelta(seconds=1),
        land(bucket, "long before", "r3", LONG_AGO): 600 * HOUR,
        land(bucket, "new", "r4"): NOTHING,
        land_label(bucket): 2 * HOUR,
    }
    report = lake.compact(keep_raw=HOUR)
    assert (report.removed, report.failures) == (3, [])
    assert [key.rpartition("/")[2] for key in lake.raw()] == ["at", "new"]
    assert lake.ids() == ["r1", "r2", "r3", "r4"]


def test_the_oldest_object_that_waits_is_named_over_all_days_and_tables(tmp_path: Path) -> None:
    bucket = Aged(tmp_path)
    lake = SmallLake(tmp_path, bucket)
    today = LATER.date()
    bucket.ages = {
        land(bucket, "one", "r1", today): HOUR,
        land(bucket, "two", "r2", today): 3 * HOUR,
        land_label(bucket, today): 2 * HOUR,
        land(bucket, "held", "r3"): 9 * HOUR,
    }
    assert lake.compact(include_open=False).oldest_waiting == LATER - 3 * HOUR
    bucket.ages[land_label(bucket, today)] = 4 * HOUR
    assert lake.compact(include_open=False).oldest_waiting == LATER - 4 * HOUR
    astray = "labels/raw/model=m/astray"
    bucket.put(astray, b"{}")
    bucket.ages[astray] = 5 * HOUR
    report = lake.compact(include_open=False)
    assert report.oldest_waiting == LATER - 5 * HOUR
    [failure] = report.failures
    assert (failure.table, failure.model, failure.place) == ("labels", "m", astray)
    assert failure.reason.startswith("ValueError: ")


def test_a_failure_says_what_where_and_at_most_so_much(lake: SmallLake) -> None:
    class Verbose(Folder):
        def get(self, key: str) -> bytes | None:
            if key.endswith("bad"):
                raise RuntimeError("x" * 1000)
            return super().get(key)

    bad = land(lake.storage, "bad", "r1")
    land(lake.storage, "good", "r2")
    report = lake.seen_by(Verbose(lake.path)).compact()
    assert report.failures == [
        Failure("request-log", "m", bad, ("RuntimeError: " + "x" * 1000)[:MAX_REASON])
    ]
    assert [each.objects for each in report.done] == [1]


def test_a_day_of_which_no_object_can_be_read_is_left_as_it_was(lake: SmallLake) -> None:
    class Gone(Folder):
        def get(self, key: str) -> bytes | None:
            return None if "/raw/" in key else super().get(key)

    gone = lake.seen_by(Gone(lake.path))
    key = land(lake.storage, "one", "r1")
    report = gone.compact(keep_raw=NOTHING)
    assert report.failures == [Failure("request-log", "m", key, f"FileNotFoundError: {key}")]
    assert (report.done, report.removed) == ([], 0)
    assert lake.stored() == [key]
    # Nor does it lose what an earlier run has put into the table.
    lake.compact()
    later = land(lake.storage, "two", "r2")
    report = gone.compact(keep_raw=NOTHING)
    assert [each.place for each in report.failures] == [later]
    assert report.removed == 1
    assert lake.ids() == ["r1", "r2"]


def test_a_slice_of_rows_is_a_file_and_a_row_lies_in_the_day_of_its_timestamp(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evergreen.lake.loading.SLICE_ROWS", 3)
    monkeypatch.setattr("evergreen.lake.loading.BLOCK_BYTES", 1)
    monkeypatch.setattr("evergreen.lake.data_files.GROUP_ROWS", 2)
    for number in range(3):
        land(lake.storage, f"{number}", f"r{number}", hours=-number)
    land(lake.storage, "late", "r3", hours=-13)
    land(lake.storage, "too", "r0")
    assert [(each.rows, each.duplicates) for each in lake.compact().done] == [(4, 1)]
    files = lake.data_files()
    days = [key.split("/")[-2] for key in files]
    before = RECENT - timedelta(days=1)
    assert days == [f"day={before}", f"day={RECENT}"]
    written = pq.ParquetFile(lake.path / files[1])
    groups = [written.metadata.row_group(group) for group in range(2)]
    assert [group.num_rows for group in groups] == [2, 1]
    assert groups[0].column(0).compression == "ZSTD"
    assert written.read()["request_id"].to_pylist() == ["r2", "r1", "r0"]
    assert lake.ids() == ["r0", "r1", "r2", "r3"]


def test_the_clock_is_the_present_by_default(lake: SmallLake) -> None:
    land(lake.storage, "one", "r1", LONG_AGO)
    report = compact(lake.storage, lake.catalog, DEFINITION)
    assert [each.rows for each in report.done] == [1]


def test_a_large_day_is_committed_in_portions(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evergreen.lake.compaction.PORTION_BYTES", 1)
    for number in range(3):
        land(lake.storage, f"{number}", f"r{number}")
    land(lake.storage, "again", "r0")
    report = lake.compact()
    day = RECENT.isoformat()
    assert report.done == [Compaction("request-log", "m", day, 4, 3, 1, 0)]
    assert (report.failures, report.oldest_waiting) == ([], None)
    assert lake.ids() == ["r0", "r1", "r2"]
    assert len(lake.data_files()) == 3


def test_a_compaction_that_runs_out_of_time_goes_on_where_it_was(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evergreen.lake.compaction.PORTION_BYTES", 1)
    for number in range(3):
        land(lake.storage, f"{number}", f"r{number}")
    commit = Load.commit

    def ends(load: Load, held: frozenset[str]) -> frozenset[str]:
        if held:
            raise Killed
        return commit(load, held)

    with monkeypatch.context() as patch:
        patch.setattr(Load, "commit", ends)
        with pytest.raises(Killed):
            lake.compact()
    assert [(each.objects, each.rows) for each in lake.compact().done] == [(2, 2)]
    assert lake.ids() == ["r0", "r1", "r2"]
