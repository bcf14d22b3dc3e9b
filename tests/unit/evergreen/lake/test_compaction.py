"""Compaction: whatever fails stops nothing else, and no raw object goes before a table has it."""

from __future__ import annotations

import hashlib
import io
import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import boto3
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from evergreen.clock import to_text, utc_now
from evergreen.lake.compaction import (
    CLOSING_TIME,
    Compaction,
    CompactionReport,
    Failure,
    compact,
)
from evergreen.lake.reader import MANIFEST, Lake
from evergreen.lake.tables import LABELS, MAX_REASON, REQUEST_LOG, TableKind
from evergreen.model_definition import ModelDefinition
from evergreen.storage import Storage, StoredObject
from tests.support.folder_bucket import Folder
from tests.support.killed import Killed
from tests.support.log_records import encode, request_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEFINITION = ModelDefinition.model_validate(
    {"name": "m", "task": "regression", "target": "y", "features": {"a": {"type": "float"}}}
)
NOW = utc_now()
LATER = NOW + timedelta(hours=2)
"""After all that a test lands, of which S3 itself notes the time."""
RECENT = NOW.date() - timedelta(days=1)
DAY_BEFORE = RECENT - timedelta(days=1)
LONG_AGO = RECENT - timedelta(days=25)


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="data")
        yield Storage("data", client)


def _land(storage: Storage, name: str, request_id: str, day: date) -> str:
    records = request_records(
        timestamp=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        request_id=request_id,
        definition=DEFINITION,
        model_version="1",
        rows=[{"a": 1.5}],
        outputs=[10.0],
        confidences=None,
        metadata={"role": "champion"},
    )
    key = f"{REQUEST_LOG.raw_prefix('m', day)}12/{name}"
    storage.put(key, b"".join(map(encode, records)))
    return key


def _label(storage: Storage, day: date, **changes: Any) -> str:
    moment = to_text(datetime(day.year, day.month, day.day, 13, tzinfo=UTC))
    record = {
        "timestamp": moment,
        "request_id": "r1",
        "row": 0,
        "model": "m",
        "label": 1.0,
        "observed_at": moment,
    }
    key = f"{LABELS.raw_prefix('m', day)}13/{len(changes)}"
    storage.put(key, encode(record | changes))
    return key


def _rows(storage: Storage, kind: TableKind = REQUEST_LOG) -> list[str]:
    lake = Lake(storage, clock=lambda: NOW)
    read = lake.predictions if kind is REQUEST_LOG else lake.labels
    table = read(DEFINITION, NOW - timedelta(days=40), NOW + timedelta(days=2))
    return sorted(table["request_id"].to_pylist())


def _compact(storage: Storage, **how: Any) -> CompactionReport:
    return compact(storage, DEFINITION, include_open=True, clock=lambda: LATER, **how)


class Failing(Storage):
    """S3 that refuses one object: what IAM, KMS or a fault of S3 does, and moto cannot."""

    def __init__(self, storage: Storage, refused: str) -> None:
        super().__init__(storage.bucket, storage._client)
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


def test_an_object_that_cannot_be_read_waits_and_all_others_are_compacted(storage: Storage) -> None:
    bad = _land(storage, "bad", "r0", RECENT)
    _land(storage, "good", "r1", RECENT)
    _land(storage, "older", "r2", LONG_AGO)
    _label(storage, RECENT)
    report = _compact(Failing(storage, bad))
    assert [(each.place, each.reason.split(":")[0]) for each in report.failures] == [
        (bad, "ClientError")
    ]
    assert sorted((each.table, each.day) for each in report.done) == [
        ("labels", RECENT.isoformat()),
        ("request-log", LONG_AGO.isoformat()),
        ("request-log", RECENT.isoformat()),
    ]
    assert report.oldest_waiting is not None
    again = _compact(storage)
    assert (again.failures, again.oldest_waiting) == ([], None)
    assert _rows(storage) == ["r0", "r1", "r2"]


def test_a_day_that_fails_stops_no_other_day_and_no_other_table(storage: Storage) -> None:
    _land(storage, "older", "r0", LONG_AGO)
    _land(storage, "newer", "r1", RECENT)
    _label(storage, RECENT)
    partition = REQUEST_LOG.partition("m", LONG_AGO)
    report = _compact(Failing(storage, partition))
    assert [each.place for each in report.failures] == [partition]
    assert {each.table for each in report.done} == {"request-log", "labels"}
    assert report.oldest_waiting is not None


def test_a_manifest_that_cannot_be_read_stops_its_day_only(storage: Storage) -> None:
    _land(storage, "older", "r0", LONG_AGO)
    _land(storage, "newer", "r1", RECENT)
    storage.put(REQUEST_LOG.partition("m", LONG_AGO) + MANIFEST, b"{half")
    report = _compact(storage, keep_raw=timedelta(0))
    assert {each.place for each in report.failures} == {REQUEST_LOG.partition("m", LONG_AGO)}
    assert [each.day for each in report.done] == [RECENT.isoformat()]
    assert len(list(storage.list(REQUEST_LOG.raw_prefix("m", LONG_AGO)))) == 1


def test_a_table_that_cannot_be_listed_stops_no_other(storage: Storage) -> None:
    _label(storage, RECENT)

    class Unlisted(Storage):
        def list(self, prefix: str, start_after: str = "") -> Any:
            if prefix.startswith("request-log/"):
                raise ClientError({"Error": {"Code": "SlowDown", "Message": prefix}}, "List")
            return super().list(prefix, start_after)

    report = _compact(Unlisted(storage.bucket, storage._client))
    assert [each.place for each in report.failures] == ["request-log/raw/model=m/"]
    assert [each.table for each in report.done] == ["labels"]


def test_one_label_beyond_64_bits_stops_nobody_and_is_set_aside(storage: Storage) -> None:
    _land(storage, "one", "r1", RECENT)
    _label(storage, RECENT, row=9223372036854775808)
    _label(storage, RECENT)
    report = _compact(storage)
    assert report.failures == []
    assert _rows(storage, LABELS) == ["r1"]
    [kept] = storage.list("rejected/labels/model=m/")
    [line] = (storage.get(kept.key) or b"").splitlines()
    assert "row" in json.loads(line)["reason"]
    assert (
        Lake(storage, clock=lambda: NOW)
        .labelled(DEFINITION, NOW - timedelta(days=2), NOW + timedelta(days=1))
        .num_rows
        == 1
    )


def test_raw_is_removed_when_it_is_old_and_the_table_holds_it(storage: Storage) -> None:
    _land(storage, "one", "r1", LONG_AGO)
    assert _compact(storage, keep_raw=timedelta(days=1)).removed == 0
    report = _compact(storage, keep_raw=timedelta(0))
    assert (report.removed, report.failures) == (1, [])
    assert list(storage.list("request-log/raw/")) == []
    assert _rows(storage) == ["r1"]
    assert _compact(storage, keep_raw=timedelta(0)).removed == 0


def test_raw_that_no_table_holds_stays_however_old_it_is(storage: Storage) -> None:
    bad = _land(storage, "bad", "r0", LONG_AGO)
    _land(storage, "good", "r1", LONG_AGO)
    report = _compact(Failing(storage, bad), keep_raw=timedelta(0))
    assert report.removed == 1
    assert [item.key for item in storage.list("request-log/raw/")] == [bad]


def test_raw_whose_table_file_is_gone_stays(storage: Storage) -> None:
    _land(storage, "one", "r1", LONG_AGO)
    _compact(storage)
    for item in storage.list(REQUEST_LOG.partition("m", LONG_AGO)):
        if item.key.endswith(".parquet"):
            storage.delete(item.key)
    report = _compact(storage, keep_raw=timedelta(0))
    assert report.removed == 0
    assert [each.reason.split(":")[0] for each in report.failures] == ["FileNotFoundError"]
    assert len(list(storage.list("request-log/raw/"))) == 1


def test_an_object_below_no_day_is_named(storage: Storage) -> None:
    storage.put("request-log/raw/model=m/2026-05-04/astray", b"{}")
    report = _compact(storage, keep_raw=timedelta(0))
    assert [each.place for each in report.failures] == ["request-log/raw/model=m/2026-05-04/astray"]
    assert report.oldest_waiting is not None
    assert len(list(storage.list("request-log/raw/"))) == 1


def test_an_open_day_waits_and_says_since_when(storage: Storage) -> None:
    _land(storage, "one", "r1", NOW.date())
    report = compact(storage, DEFINITION, clock=lambda: NOW)
    assert (report.done, report.failures) == ([], [])
    assert report.oldest_waiting is not None
    assert abs(report.oldest_waiting - NOW) < timedelta(hours=1)


class Mortal(Folder):
    """A bucket whose process ends before one of its changes; moto forgets no process."""

    def __init__(self, path: Path, changes: int) -> None:
        super().__init__(path)
        self.changes_left = changes

    def put(self, key: str, body: bytes) -> None:
        self._change()
        super().put(key, body)

    def delete(self, key: str) -> None:
        self._change()
        super().delete(key)

    def _change(self) -> None:
        if not self.changes_left:
            raise Killed
        self.changes_left -= 1


@dataclass(frozen=True)
class Landed:
    """A record in a raw object: what the lake has to hold of it."""

    table: TableKind
    day: date
    object: int
    request_id: str
    minute: int
    value: float

    @property
    def timestamp(self) -> datetime:
        day = self.day
        return datetime(day.year, day.month, day.day, 12, self.minute, tzinfo=UTC)


def _one(kind: TableKind) -> st.SearchStrategy[Landed]:
    # Firehose repeats a record as it is; a caller repeats a label with another value, later.
    numbers = st.integers(0, 3)
    repeated = {"minute": st.just(0), "value": st.just(0.0)}
    changed = {"minute": st.integers(0, 59), "value": st.floats(0, 9)}
    return st.builds(
        Landed,
        table=st.just(kind),
        day=st.sampled_from([RECENT, DAY_BEFORE]),
        object=numbers,
        request_id=numbers.map(str),
        **(repeated if kind is REQUEST_LOG else changed),
    )


ARRIVALS = st.lists(_one(REQUEST_LOG) | _one(LABELS), max_size=12)


def _line(record: Landed) -> bytes:
    moment = to_text(record.timestamp)
    told = {"timestamp": moment, "request_id": record.request_id, "row": 0, "model": "m"}
    if record.table is LABELS:
        return encode(told | {"label": record.value, "observed_at": moment})
    inputs, about = {"a": record.value}, {"role": "champion"}
    output = {"model_output": 1.0, "confidence": None, "model_version": "1"}
    return encode(told | output | {"input_data": inputs, "metadata": about})


def _arrive(storage: Storage, records: Sequence[Landed], batch: str) -> None:
    objects: dict[str, bytes] = {}
    for record in records:
        key = f"{record.table.raw_prefix('m', record.day)}12/{batch}-{record.object}"
        objects[key] = objects.get(key, b"") + _line(record)
    for key, body in objects.items():
        storage.put(key, body + b"no record\n")


def _expected(records: Sequence[Landed], kind: TableKind) -> dict[str, set[tuple[datetime, float]]]:
    """Return the values that may stand for each request: of labels the last ones of the day."""
    found: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for record in records:
        if record.table is kind:
            found[record.request_id].append((record.timestamp, record.value))
    pick = min if kind is REQUEST_LOG else max
    return {
        request_id: {pair for pair in pairs if pair[0] == pick(pairs)[0]}
        for request_id, pairs in found.items()
    }


def _assert_each_row_counts_once(storage: Storage, records: Sequence[Landed]) -> None:
    lake = Lake(storage, clock=lambda: NOW)
    for kind, column in ((REQUEST_LOG, "a"), (LABELS, "label")):
        read = lake.predictions if kind is REQUEST_LOG else lake.labels
        rows = read(DEFINITION, NOW - timedelta(days=3), NOW).to_pylist()
        times = [row["timestamp"] for row in rows]
        assert times == sorted(times)
        expected = _expected(records, kind)
        assert sorted(row["request_id"] for row in rows) == sorted(expected)
        for row in rows:
            assert (row["timestamp"], row[column]) in expected[row["request_id"]]


@settings(deadline=None, max_examples=20)
@given(ARRIVALS, ARRIVALS, st.integers(0, 20))
def test_killed_at_any_change_and_run_again_each_row_counts_once(
    first: list[Landed], second: list[Landed], changes: int
) -> None:
    with TemporaryDirectory() as folder:
        bucket = Folder(Path(folder))
        _arrive(bucket, first, "first")
        _assert_each_row_counts_once(bucket, first)
        _compact(bucket)
        _assert_each_row_counts_once(bucket, first)
        _arrive(bucket, second, "second")
        with suppress(Killed):
            _compact(Mortal(Path(folder), changes), keep_raw=timedelta(0))
        _assert_each_row_counts_once(bucket, [*first, *second])
        report = _compact(bucket, keep_raw=timedelta(0))
        _assert_each_row_counts_once(bucket, [*first, *second])
        assert (report.failures, report.oldest_waiting) == ([], None)
        assert not [item for item in bucket.list("") if "/raw/" in item.key]
        assert _compact(bucket).done == []


def test_every_change_that_a_kill_can_precede_is_tried(tmp_path: Path) -> None:
    """The same, with two days of both tables, killed before each change in turn."""
    first = [
        Landed(kind, day, number, str(number), 0, 0.0)
        for kind in (REQUEST_LOG, LABELS)
        for day in (RECENT, DAY_BEFORE)
        for number in range(2)
    ]
    second = [*first, *(replace(each, request_id="9") for each in first)]
    for changes in range(100):
        folder = tmp_path / str(changes)
        bucket, mortal = Folder(folder), Mortal(folder, changes)
        _arrive(bucket, first, "first")
        _compact(bucket)
        _arrive(bucket, second, "second")
        killed = True
        with suppress(Killed):
            _compact(mortal, keep_raw=timedelta(0))
            killed = False
        _assert_each_row_counts_once(bucket, second)
        _compact(bucket, keep_raw=timedelta(0))
        _assert_each_row_counts_once(bucket, second)
        assert not [item for item in bucket.list("") if "/raw/" in item.key]
        if not killed:
            break
    # Four partitions: what was rejected, the file, the manifest, the old file, four raw objects.
    assert changes == 4 * 8
    assert len([item for item in bucket.list("") if "/table/" in item.key]) == 4 * 2


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_compaction_says_what_it_did(folder: Folder) -> None:
    _land(folder, "one", "r1", RECENT)
    _land(folder, "again", "r1", RECENT)
    _land(folder, "two", "r2", RECENT)
    key = f"{REQUEST_LOG.raw_prefix('m', RECENT)}12/zz"
    folder.put(key, b"half a li\n{}\n")
    report = _compact(folder)
    day = RECENT.isoformat()
    assert report.done == [Compaction("request-log", "m", day, 4, 2, 1, 2)]
    assert (report.failures, report.oldest_waiting, report.removed) == ([], None, 0)
    [kept] = folder.list("rejected/")
    assert kept.key.startswith(f"rejected/request-log/model=m/dt={day}/")
    body = folder.get(kept.key) or b""
    lines = [json.loads(line) for line in body.splitlines()]
    assert [(line["source"], line["line"]) for line in lines] == [(key, "half a li"), (key, "{}")]
    assert all(line["reason"] for line in lines)
    assert kept.key.endswith(f"/{hashlib.sha256(body).hexdigest()[:16]}.jsonl")
    # What a second run adds is counted on its own, and nothing is set aside twice.
    _label(folder, RECENT)
    _land(folder, "three", "r3", RECENT)
    again = _compact(folder)
    assert again.done == [
        Compaction("request-log", "m", day, 1, 3, 0, 0),
        Compaction("labels", "m", day, 1, 1, 0, 0),
    ]
    assert len(list(folder.list("rejected/"))) == 1


@pytest.mark.parametrize(
    ("after_midnight", "due"),
    [
        (timedelta(0), False),
        (CLOSING_TIME - timedelta(seconds=1), False),
        (CLOSING_TIME, True),
        (timedelta(days=1), True),
    ],
)
def test_a_day_is_due_once_it_is_closed(
    folder: Folder, after_midnight: timedelta, due: bool
) -> None:
    _land(folder, "one", "r1", RECENT)
    midnight = datetime(RECENT.year, RECENT.month, RECENT.day, tzinfo=UTC) + timedelta(days=1)
    report = compact(folder, DEFINITION, clock=lambda: midnight + after_midnight)
    assert len(report.done) == due
    assert (report.oldest_waiting is None) is due


@pytest.mark.parametrize(("missing", "due"), [(1, False), (0, True), (-1, True)])
def test_an_open_day_is_due_once_what_is_new_is_large(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, missing: int, due: bool
) -> None:
    noon = datetime(RECENT.year, RECENT.month, RECENT.day, 12, tzinfo=UTC)
    _land(folder, "old", "r0", RECENT)
    compact(folder, DEFINITION, include_open=True, clock=lambda: noon)
    keys = [_land(folder, name, name, RECENT) for name in ("r1", "r2")]
    size = sum(len(folder.get(key) or b"") for key in keys)
    monkeypatch.setattr("evergreen.lake.compaction.OPEN_PARTITION_BYTES", size + missing)
    report = compact(folder, DEFINITION, clock=lambda: noon)
    assert [each.objects for each in report.done] == [2] * due


class Aged(Folder):
    """A bucket whose objects are as old as the test says."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.ages: dict[str, timedelta] = {}

    def list(self, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        for item in super().list(prefix, start_after):
            yield replace(item, modified=LATER - self.ages.get(item.key, timedelta(0)))


def test_raw_is_removed_once_it_is_older_than_it_is_kept(tmp_path: Path) -> None:
    bucket = Aged(tmp_path)
    hour = timedelta(hours=1)
    bucket.ages = {
        _land(bucket, "at", "r1", RECENT): hour,
        _land(bucket, "before", "r2", RECENT): hour + timedelta(seconds=1),
        _land(bucket, "long before", "r3", LONG_AGO): 600 * hour,
        _land(bucket, "new", "r4", RECENT): timedelta(0),
        _label(bucket, RECENT): 2 * hour,
    }
    report = _compact(bucket, keep_raw=hour)
    assert (report.removed, report.failures) == (3, [])
    left = [item.key.rpartition("/")[2] for item in bucket.list("") if "/raw/" in item.key]
    assert left == ["at", "new"]
    assert _rows(bucket) == ["r1", "r2", "r3", "r4"]


def test_the_oldest_object_that_waits_is_named_over_all_days_and_tables(tmp_path: Path) -> None:
    bucket = Aged(tmp_path)
    hour = timedelta(hours=1)
    today = LATER.date()
    ages = {
        _land(bucket, "one", "r1", today): hour,
        _land(bucket, "two", "r2", today): 3 * hour,
        _label(bucket, today): 2 * hour,
        _land(bucket, "held", "r3", RECENT): 9 * hour,
    }
    bucket.ages = ages
    report = compact(bucket, DEFINITION, clock=lambda: LATER)
    assert report.oldest_waiting == LATER - 3 * hour
    bucket.ages = {**ages, _label(bucket, today): 4 * hour}
    report = compact(bucket, DEFINITION, clock=lambda: LATER)
    assert report.oldest_waiting == LATER - 4 * hour
    astray = "labels/raw/model=m/astray"
    bucket.put(astray, b"{}")
    bucket.ages[astray] = 5 * hour
    report = compact(bucket, DEFINITION, clock=lambda: LATER)
    assert report.oldest_waiting == LATER - 5 * hour
    [failure] = report.failures
    assert (failure.table, failure.model, failure.place) == ("labels", "m", astray)
    assert failure.reason.startswith("ValueError: ")


def test_a_failure_says_what_where_and_at_most_so_much(tmp_path: Path) -> None:
    class Verbose(Folder):
        def get(self, key: str) -> bytes | None:
            if key.endswith("bad"):
                raise RuntimeError("x" * 1000)
            return super().get(key)

    bucket = Verbose(tmp_path)
    bad = _land(bucket, "bad", "r1", RECENT)
    _land(bucket, "good", "r2", RECENT)
    report = _compact(bucket)
    assert report.failures == [
        Failure("request-log", "m", bad, ("RuntimeError: " + "x" * 1000)[:MAX_REASON])
    ]
    assert [each.objects for each in report.done] == [1]


def test_a_day_of_which_no_object_can_be_read_is_left_as_it_was(tmp_path: Path) -> None:
    class Gone(Folder):
        def get(self, key: str) -> bytes | None:
            return None if "/raw/" in key else super().get(key)

    bucket = Gone(tmp_path)
    key = _land(bucket, "one", "r1", RECENT)
    report = _compact(bucket, keep_raw=timedelta(0))
    assert report.failures == [Failure("request-log", "m", key, f"FileNotFoundError: {key}")]
    assert (report.done, report.removed) == ([], 0)
    assert [item.key for item in bucket.list("")] == [key]
    # Nor does it lose what an earlier run has put into the table.
    _compact(Folder(tmp_path))
    later = _land(bucket, "two", "r2", RECENT)
    report = _compact(bucket, keep_raw=timedelta(0))
    assert [each.place for each in report.failures] == [later]
    assert report.removed == 1
    assert _rows(Folder(tmp_path)) == ["r1", "r2"]


def test_a_partition_is_written_in_groups_and_named_by_its_content(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evergreen.lake.compaction.GROUP_ROWS", 2)
    for name in ("r1", "r2", "r3"):
        _land(folder, name, name, RECENT)
    _compact(folder)
    [file] = [item.key for item in folder.list("request-log/table/") if "part-" in item.key]
    body = folder.get(file) or b""
    assert file.endswith(f"/part-{hashlib.sha256(body).hexdigest()[:16]}.parquet")
    written = pq.ParquetFile(io.BytesIO(body))
    assert [written.metadata.row_group(group).num_rows for group in range(2)] == [2, 1]
    assert written.metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_partition_that_is_written_again_as_it_was_keeps_its_file(folder: Folder) -> None:
    _land(folder, "one", "r1", RECENT)
    _compact(folder)
    _land(folder, "again", "r1", RECENT)
    report = _compact(folder)
    assert [(each.rows, each.duplicates) for each in report.done] == [(1, 1)]
    assert len(list(folder.list("request-log/table/"))) == 2
    assert _rows(folder) == ["r1"]
