"""The lake on a real S3: each row is read once before, during and after compaction."""

from __future__ import annotations

import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cli.shared.target import Target
from evergreen.lake.compaction import compact
from evergreen.lake.reader import MANIFEST, Lake
from evergreen.lake.tables import REQUEST_LOG
from evergreen.model_definition import ModelDefinition
from evergreen.storage import Storage
from tests.support.log_records import encode, request_records

if TYPE_CHECKING:
    from local.stack import Stack

DEFINITION = ModelDefinition.model_validate(
    {
        "name": "m",
        "task": "regression",
        "target": "y",
        "features": {"a": {"type": "float", "nullable": True}, "b": {"type": "category"}},
    }
)
NOW = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
DAY = NOW.date()


@pytest.fixture
def storage(local_stack: Stack) -> Storage:
    client = Target.local(local_stack).client("s3")
    bucket = f"lake-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=bucket)
    return Storage(bucket, client)


def _land(
    storage: Storage, name: str, request_id: str, moment: datetime, role: str = "champion"
) -> None:
    records = request_records(
        timestamp=moment,
        request_id=request_id,
        definition=DEFINITION,
        model_version="1",
        rows=[{"a": 1.5, "b": "x"}, {"a": None, "b": "y"}],
        outputs=[10.0, 20.0],
        confidences=None,
        metadata={"role": role},
    )
    key = f"{REQUEST_LOG.raw_prefix('m', moment.date())}{moment:%H}/{name}"
    storage.put(key, b"".join(map(encode, records)))


def _label(storage: Storage, name: str, request_id: str, label: float, moment: datetime) -> None:
    record = {
        "timestamp": moment.isoformat(),
        "request_id": request_id,
        "row": 0,
        "model": "m",
        "label": label,
        "observed_at": moment.isoformat(),
    }
    storage.put(f"labels/raw/model=m/{moment:%Y/%m/%d/%H}/{name}", encode(record))


def _ids(lake: Lake, start: datetime, end: datetime) -> list[tuple[str, int]]:
    table = lake.predictions(DEFINITION, start, end)
    pairs = zip(table["request_id"].to_pylist(), table["row"].to_pylist(), strict=True)
    return list(pairs)


def _file(storage: Storage) -> list[str]:
    return [item.key for item in storage.list(REQUEST_LOG.partition("m", DAY))]


def test_rows_are_read_once_through_compaction_and_after(storage: Storage) -> None:
    lake = Lake(storage, clock=lambda: NOW)
    start, end = NOW - timedelta(hours=2), NOW
    _land(storage, "one", "r1", NOW - timedelta(minutes=30))
    _land(storage, "again", "r1", NOW - timedelta(minutes=30))
    _land(storage, "early", "r0", NOW - timedelta(hours=3))
    expected = [("r1", 0), ("r1", 1)]
    assert _ids(lake, start, end) == expected

    [done] = compact(storage, DEFINITION, include_open=True, clock=lambda: NOW).done
    assert (done.objects, done.rows, done.duplicates, done.rejected) == (3, 4, 2, 0)
    assert _ids(lake, start, end) == expected

    _land(storage, "late", "r2", NOW - timedelta(minutes=1))
    assert _ids(lake, start, end) == [*expected, ("r2", 0), ("r2", 1)]
    before = _file(storage)
    compact(storage, DEFINITION, include_open=True, clock=lambda: NOW)
    assert _ids(lake, start, end) == [*expected, ("r2", 0), ("r2", 1)]
    assert len(_file(storage)) == len(before) == 2  # one Parquet file and the manifest


def test_a_second_compaction_without_news_does_nothing(storage: Storage) -> None:
    _land(storage, "one", "r1", NOW)
    assert compact(storage, DEFINITION, include_open=True, clock=lambda: NOW).done
    files = _file(storage)
    assert compact(storage, DEFINITION, include_open=True, clock=lambda: NOW).done == []
    assert _file(storage) == files


def test_an_open_day_waits_and_a_closed_day_is_due(storage: Storage) -> None:
    _land(storage, "one", "r1", NOW)
    assert compact(storage, DEFINITION, clock=lambda: NOW).done == []
    just_after_midnight = datetime(2026, 5, 5, 0, 10, tzinfo=UTC)
    assert compact(storage, DEFINITION, clock=lambda: just_after_midnight).done == []
    [done] = compact(storage, DEFINITION, clock=lambda: NOW + timedelta(hours=10)).done
    assert done.day == "2026-05-04"


def test_killed_before_the_manifest_nothing_is_lost_or_doubled(storage: Storage) -> None:
    class Killed(BaseException):
        """Simulates the end of the process."""

    class Dying(Storage):
        def put(self, key: str, body: bytes) -> None:
            if key.endswith(MANIFEST):
                raise Killed
            super().put(key, body)

    lake = Lake(storage, clock=lambda: NOW)
    _land(storage, "one", "r1", NOW - timedelta(minutes=5))
    dying = Dying(storage.bucket, storage._client)
    with pytest.raises(Killed):
        compact(dying, DEFINITION, include_open=True, clock=lambda: NOW)
    assert _ids(lake, NOW - timedelta(hours=1), NOW) == [("r1", 0), ("r1", 1)]
    compact(storage, DEFINITION, include_open=True, clock=lambda: NOW)
    assert _ids(lake, NOW - timedelta(hours=1), NOW) == [("r1", 0), ("r1", 1)]
    assert len(_file(storage)) == 2


def test_a_file_that_compaction_replaces_while_it_is_read_is_read_from_the_new_one(
    storage: Storage,
) -> None:
    lake = Lake(storage, clock=lambda: NOW)
    start = NOW - timedelta(hours=1)
    _land(storage, "one", "r1", NOW - timedelta(minutes=5))
    compact(storage, DEFINITION, include_open=True, clock=lambda: NOW)

    class Overtaken(Storage):
        def open(self, key: str) -> io.IOBase:
            file = super().open(key)
            if not list(storage.list(f"{REQUEST_LOG.raw_prefix('m', DAY)}14/two")):
                _land(storage, "two", "r2", NOW - timedelta(minutes=4))
                compact(storage, DEFINITION, include_open=True, clock=lambda: NOW)
            return file

    slow = Lake(Overtaken(storage.bucket, storage._client), clock=lambda: NOW)
    expected = [("r1", 0), ("r1", 1), ("r2", 0), ("r2", 1)]
    assert _ids(slow, start, NOW) == _ids(lake, start, NOW) == expected


def test_a_file_that_is_gone_for_good_is_an_error_and_not_an_empty_day(storage: Storage) -> None:
    _land(storage, "one", "r1", NOW - timedelta(minutes=5))
    compact(storage, DEFINITION, include_open=True, clock=lambda: NOW)
    for key in _file(storage):
        if key.endswith(".parquet"):
            storage.delete(key)
    with pytest.raises(FileNotFoundError, match="parquet"):
        _ids(Lake(storage, clock=lambda: NOW), NOW - timedelta(hours=1), NOW)


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_an_object_is_read_like_a_file(storage: Storage, size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    storage.put("some", body)
    theirs, ours = io.BytesIO(body), storage.open("some")
    for at, length in ((0, 10), (3, 500), (990, 20), (1000, 5), (2000, 5)):
        assert ours.seek(at) == theirs.seek(at)
        assert ours.read(length) == theirs.read(length)
    assert ours.seek(-size, io.SEEK_END) == 0
    assert ours.read() == body


def test_lines_that_do_not_parse_are_kept_with_the_reason(storage: Storage) -> None:
    _land(storage, "one", "r1", NOW)
    storage.put(f"{REQUEST_LOG.raw_prefix('m', DAY)}15/broken", b'{"timestamp": 1}\nhalf a li\n')
    [done] = compact(storage, DEFINITION, include_open=True, clock=lambda: NOW).done
    assert (done.rows, done.rejected) == (2, 2)
    [item] = storage.list("rejected/request-log/model=m/dt=2026-05-04/")
    kept = [json.loads(line) for line in (storage.get(item.key) or b"").splitlines()]
    assert [line["line"] for line in kept] == ['{"timestamp": 1}', "half a li"]
    assert all(line["reason"] for line in kept)


def test_ground_truth_joins_by_row_and_the_last_counts(storage: Storage) -> None:
    _land(storage, "one", "r1", NOW - timedelta(hours=1))
    _land(storage, "shadow", "r1", NOW - timedelta(hours=1), role="shadow")
    _land(storage, "two", "r2", NOW - timedelta(minutes=50))
    _label(storage, "first", "r1", 1.0, NOW - timedelta(minutes=40))
    _label(storage, "second", "r1", 2.0, NOW - timedelta(minutes=30))
    _label(storage, "stray", "unheard-of", 3.0, NOW - timedelta(minutes=30))
    lake = Lake(storage, clock=lambda: NOW)
    rows: list[dict[str, Any]] = lake.labelled(
        DEFINITION, NOW - timedelta(hours=2), NOW
    ).to_pylist()
    assert [(row["request_id"], row["row"], row["label"]) for row in rows] == [("r1", 0, 2.0)]
    assert rows[0]["a"] == 1.5
    assert rows[0]["role"] == "champion"
    assert rows[0]["observed_at"] == NOW - timedelta(minutes=30)
    assert rows[0]["labelled_at"] == NOW - timedelta(minutes=30)
