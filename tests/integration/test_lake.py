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
from evergreen.lake.reader import Lake
from evergreen.lake.tables import REQUEST_LOG
from evergreen.lake.upkeep import maintain
from evergreen.model_definition import ModelDefinition
from evergreen.storage import Storage
from tests.support.lake_tables import catalog_in
from tests.support.log_records import encode, request_records

if TYPE_CHECKING:
    from evergreen.lake.catalog import LakeCatalog
    from evergreen.lake.compaction import CompactionReport
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


def _compact(storage: Storage, catalog: LakeCatalog) -> CompactionReport:
    return compact(storage, catalog, DEFINITION, include_open=True, clock=lambda: NOW)


def test_rows_are_read_once_through_compaction_and_after(storage: Storage) -> None:
    catalog = catalog_in(storage)
    lake = Lake(storage, catalog, clock=lambda: NOW)
    start, end = NOW - timedelta(hours=2), NOW
    _land(storage, "one", "r1", NOW - timedelta(minutes=30))
    _land(storage, "again", "r1", NOW - timedelta(minutes=30))
    _land(storage, "early", "r0", NOW - timedelta(hours=3))
    expected = [("r1", 0), ("r1", 1)]
    assert _ids(lake, start, end) == expected

    [done] = _compact(storage, catalog).done
    assert (done.objects, done.rows, done.duplicates, done.rejected) == (3, 4, 2, 0)
    assert _ids(lake, start, end) == expected
    assert _compact(storage, catalog).done == []

    _land(storage, "late", "r2", NOW - timedelta(minutes=1))
    assert _ids(lake, start, end) == [*expected, ("r2", 0), ("r2", 1)]
    _compact(storage, catalog)
    assert _ids(lake, start, end) == [*expected, ("r2", 0), ("r2", 1)]
    report = maintain(
        storage, catalog, DEFINITION, clock=lambda: datetime.now(UTC) + timedelta(days=30)
    )
    assert (report.rewritten, report.failures) == (2, [])
    assert report.removed > 2
    assert _ids(lake, start, end) == [*expected, ("r2", 0), ("r2", 1)]


def test_a_file_that_is_gone_is_an_error_until_its_rows_are_loaded_again(storage: Storage) -> None:
    catalog = catalog_in(storage)
    lake = Lake(storage, catalog, clock=lambda: NOW)
    _land(storage, "one", "r1", NOW - timedelta(minutes=5))
    _compact(storage, catalog)
    for item in storage.list(f"{REQUEST_LOG.table_prefix('m')}data/"):
        storage.delete(item.key)
    with pytest.raises(FileNotFoundError, match="parquet"):
        _ids(lake, NOW - timedelta(hours=1), NOW)
    assert len(_compact(storage, catalog).failures) == 1
    assert _ids(lake, NOW - timedelta(hours=1), NOW) == [("r1", 0), ("r1", 1)]


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
    [done] = _compact(storage, catalog_in(storage)).done
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
    lake = Lake(storage, catalog_in(storage), clock=lambda: NOW)
    rows: list[dict[str, Any]] = lake.labelled(
        DEFINITION, NOW - timedelta(hours=2), NOW
    ).to_pylist()
    assert [(row["request_id"], row["row"], row["label"]) for row in rows] == [("r1", 0, 2.0)]
    assert rows[0]["a"] == 1.5
    assert rows[0]["role"] == "champion"
    assert rows[0]["observed_at"] == NOW - timedelta(minutes=30)
    assert rows[0]["labelled_at"] == NOW - timedelta(minutes=30)
