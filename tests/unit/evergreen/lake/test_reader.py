"""Windows: every row is in the one that its own timestamp names, wherever its object landed."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from evergreen.capture.delivery import encode
from evergreen.capture.request_log import request_records
from evergreen.clock import to_text
from evergreen.lake.compaction import compact
from evergreen.lake.reader import CLOCK_SKEW, EARLIEST_LANDING, LATEST_LANDING, Lake
from evergreen.lake.tables import LABELS, REQUEST_LOG
from evergreen.lake.unjoined import find_unjoined
from evergreen.model_definition import ModelDefinition
from evergreen.storage import Storage, StoredObject

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFINITION = ModelDefinition.model_validate(
    {"name": "m", "task": "regression", "target": "y", "features": {"a": {"type": "float"}}}
)
MIDNIGHT = datetime(2026, 5, 4, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


class Dated(Storage):
    """A bucket whose S3 says of each object the time that the test says; moto says the present."""

    def __init__(self) -> None:
        super().__init__("data", boto3.client("s3", region_name="us-east-1"))
        self.modified: dict[str, datetime] = {}

    def list(self, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        for item in super().list(prefix, start_after):
            yield StoredObject(item.key, item.size, self.modified.get(item.key, item.modified))


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dated]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        bucket = Dated()
        bucket._client.create_bucket(Bucket="data")
        yield bucket


def _record(moment: datetime, request_id: str) -> bytes:
    [record] = request_records(
        timestamp=moment,
        request_id=request_id,
        definition=DEFINITION,
        model_version="1",
        rows=[{"a": 1.5}],
        outputs=[10.0],
        confidences=None,
        metadata={"role": "champion"},
    )
    return encode(record)


def _land(
    storage: Dated, stamped: datetime, arrived: datetime, written: datetime, name: str = "one"
) -> None:
    """Land a record: stamped by the function, arrived at Firehose, written as S3 says."""
    key = f"{REQUEST_LOG.landing_prefix('m')}{arrived:%Y/%m/%d/%H}/{name}"
    storage.put(key, _record(stamped, name))
    storage.modified[key] = written


def _label(storage: Dated, stamped: datetime, name: str) -> None:
    record = {
        "timestamp": to_text(stamped),
        "request_id": name,
        "row": 0,
        "model": "m",
        "label": 1.0,
        "observed_at": to_text(stamped),
    }
    key = f"{LABELS.landing_prefix('m')}{stamped:%Y/%m/%d/%H}/{name}"
    storage.put(key, encode(record))
    storage.modified[key] = stamped


def _ids(storage: Storage, start: datetime, end: datetime) -> list[Any]:
    lake = Lake(storage, clock=lambda: end)
    found: list[Any] = lake.predictions(DEFINITION, start, end)["request_id"].to_pylist()
    return found


def _compact(storage: Storage) -> None:
    report = compact(storage, DEFINITION, include_open=True, clock=lambda: MIDNIGHT + 40 * DAY)
    assert report.failures == []


SECONDS = (0, 1, 5, 60, 180, 300)


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize("seconds", sorted({*SECONDS, *(-each for each in SECONDS)}))
@pytest.mark.parametrize("into_the_day", [timedelta(0), 2 * MINUTE, 12 * 60 * MINUTE, DAY - MINUTE])
def test_a_row_is_in_the_window_of_its_timestamp_whatever_the_clocks_say(
    storage: Dated, into_the_day: timedelta, seconds: int, compacted: bool
) -> None:
    stamped, ahead = MIDNIGHT + into_the_day, timedelta(seconds=seconds)
    _land(storage, stamped, arrived=stamped - ahead, written=stamped - ahead, name="firehose")
    _land(storage, stamped, arrived=stamped, written=stamped - ahead, name="s3")
    if compacted:
        _compact(storage)
    assert _ids(storage, MIDNIGHT, MIDNIGHT + DAY) == ["firehose", "s3"]
    assert _ids(storage, stamped, stamped + MINUTE) == ["firehose", "s3"]
    assert _ids(storage, stamped - MINUTE, stamped) == []


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize(
    "late", [-EARLIEST_LANDING, -CLOCK_SKEW, timedelta(minutes=15), DAY, LATEST_LANDING]
)
@pytest.mark.parametrize("stamped", [MIDNIGHT, MIDNIGHT + DAY - timedelta(microseconds=1)])
def test_a_row_is_found_wherever_firehose_may_put_it(
    storage: Dated, stamped: datetime, late: timedelta, compacted: bool
) -> None:
    written = max(stamped + late, stamped - CLOCK_SKEW)
    _land(storage, stamped, arrived=stamped + late, written=written)
    if compacted:
        _compact(storage)
    assert _ids(storage, MIDNIGHT, MIDNIGHT + DAY) == ["one"]


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize("ahead", [-5 * MINUTE, timedelta(0), 5 * MINUTE])
def test_a_label_joins_whichever_clock_was_ahead(
    storage: Dated, ahead: timedelta, compacted: bool
) -> None:
    _land(storage, MIDNIGHT, arrived=MIDNIGHT, written=MIDNIGHT)
    _label(storage, MIDNIGHT + ahead, "one")
    if compacted:
        _compact(storage)
    lake = Lake(storage, clock=lambda: MIDNIGHT + timedelta(seconds=1))
    found = lake.labelled(DEFINITION, MIDNIGHT, MIDNIGHT + MINUTE)
    assert found["label"].to_pylist() == [1.0]


@pytest.mark.parametrize("compacted", [False, True])
def test_labels_that_join_nothing_are_counted(storage: Dated, compacted: bool) -> None:
    wait = DEFINITION.retraining.label_wait
    came = MIDNIGHT + wait
    for name, moment in (("known", came), ("late", MIDNIGHT), ("too-late", MIDNIGHT - DAY)):
        _land(storage, moment, moment, moment, name)
    for name in ("known", "late", "too-late", "my-own-id"):
        _label(storage, came + MINUTE, name)
    if compacted:
        _compact(storage)
    lake = Lake(storage, clock=lambda: came + DAY)
    found = find_unjoined(lake, DEFINITION, came, came + DAY)
    assert (found.labels, found.unjoined) == (4, 2)
    assert sorted(found.examples) == ["my-own-id", "too-late"]
    none = find_unjoined(lake, DEFINITION, came + DAY, came + 2 * DAY)
    assert (none.labels, none.unjoined, none.examples) == (0, 0, ())


def test_of_a_day_only_the_groups_of_the_window_are_read(
    storage: Dated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evergreen.lake.compaction.GROUP_ROWS", 1)
    for hour in range(4):
        moment = MIDNIGHT + timedelta(hours=hour)
        _land(storage, moment, moment, moment, str(hour))
    _compact(storage)
    [file] = [item for item in storage.list("request-log/table/") if item.key.endswith("parquet")]
    body = storage.get(file.key) or b""
    assert pq.ParquetFile(io.BytesIO(body)).num_row_groups == 4
    read: list[int] = []

    class Counted(pq.ParquetFile):  # type: ignore[misc]
        def read_row_group(self, i: int, columns: Any = None) -> Any:
            read.append(i)
            return super().read_row_group(i, columns)

    monkeypatch.setattr("evergreen.lake.reader.pq.ParquetFile", Counted)
    start = MIDNIGHT + timedelta(hours=1)
    assert _ids(storage, start, start + timedelta(hours=1)) == ["1"]
    assert read == [1]
