"""Windows: every row is in the one that its own timestamp names, wherever its object landed."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.clock import to_text
from evergreen.lake.compaction import compact
from evergreen.lake.reader import (
    CLOCK_SKEW,
    EARLIEST_LANDING,
    LATEST_LANDING,
    Lake,
)
from evergreen.lake.tables import LABELS, REQUEST_LOG, TableKind
from evergreen.lake.unjoined import find_unjoined
from evergreen.model_definition import ModelDefinition
from tests.support.folder_bucket import Folder
from tests.support.lake_tables import catalog_in
from tests.support.log_records import encode, request_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.storage import StoredObject

DEFINITION = ModelDefinition.model_validate(
    {"name": "m", "task": "regression", "target": "y", "features": {"a": {"type": "float"}}}
)
MIDNIGHT = datetime(2026, 5, 4, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


class Dated(Folder):
    """A bucket that says of each object the time that the test says."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.catalog = catalog_in(self)
        self.modified: dict[str, datetime] = {}

    def list(self, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        for item in super().list(prefix, start_after):
            yield replace(item, modified=self.modified.get(item.key, item.modified))


@pytest.fixture
def storage(tmp_path: Path) -> Dated:
    return Dated(tmp_path)


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


def _ids(storage: Dated, start: datetime, end: datetime) -> list[Any]:
    lake = Lake(storage, storage.catalog, clock=lambda: end)
    found: list[Any] = lake.predictions(DEFINITION, start, end)["request_id"].to_pylist()
    return found


def _compact(storage: Dated) -> None:
    report = compact(
        storage, storage.catalog, DEFINITION, include_open=True, clock=lambda: MIDNIGHT + 40 * DAY
    )
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
    lake = Lake(storage, storage.catalog, clock=lambda: MIDNIGHT + timedelta(seconds=1))
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
    lake = Lake(storage, storage.catalog, clock=lambda: came + DAY)
    found = find_unjoined(lake, DEFINITION, came, came + DAY)
    assert (found.labels, found.unjoined) == (4, 2)
    assert sorted(found.examples) == ["my-own-id", "too-late"]
    none = find_unjoined(lake, DEFINITION, came + DAY, came + 2 * DAY)
    assert (none.labels, none.unjoined, none.examples) == (0, 0, ())


def test_of_a_day_only_the_groups_of_the_window_are_read(
    storage: Dated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evergreen.lake.data_files.GROUP_ROWS", 1)
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

    monkeypatch.setattr("evergreen.lake.data_files.pq.ParquetFile", Counted)
    start = MIDNIGHT + timedelta(hours=1)
    assert _ids(storage, start, start + timedelta(hours=1)) == ["1"]
    assert read == [1]


HOUR = timedelta(hours=1)
minutes = st.integers(0, 59)


def _minute(number: int) -> datetime:
    return MIDNIGHT + number * MINUTE


def _served(request_id: str, moment: datetime, role: str = "champion") -> bytes:
    records = request_records(
        timestamp=moment,
        request_id=request_id,
        definition=DEFINITION,
        model_version="1",
        rows=[{"a": 0.0}, {"a": 1.0}],
        outputs=[10.0, 20.0],
        confidences=[0.5, 0.75],
        metadata={"role": role},
    )
    return b"".join(map(encode, records))


def _known(request_id: str, row: int, label: float, moment: datetime) -> bytes:
    told = {"timestamp": to_text(moment), "request_id": request_id, "row": row, "model": "m"}
    return encode(told | {"label": label, "observed_at": to_text(moment - MINUTE)})


def _put(storage: Dated, kind: TableKind, name: str, *lines: bytes) -> None:
    storage.put(f"{kind.raw_prefix('m', MIDNIGHT.date())}00/{name}", b"".join(lines))


@settings(deadline=None, max_examples=12)
@given(
    st.lists(minutes, max_size=8, unique=True),
    minutes,
    minutes,
    st.sampled_from([None, (), ("a",), ("confidence", "model_output")]),
    st.integers(0, 8),
)
def test_a_window_has_its_start_and_not_its_end(
    times: list[int], start: int, end: int, columns: tuple[str, ...] | None, compacted: int
) -> None:
    with TemporaryDirectory() as path:
        storage = Dated(Path(path))
        for place, number in enumerate(times):
            if place == compacted:
                _compact(storage)
            _put(storage, REQUEST_LOG, f"{place}", _served(str(number), _minute(number)))
        lake = Lake(storage, storage.catalog, clock=lambda: MIDNIGHT + DAY)
        read = lake.predictions(DEFINITION, _minute(start), _minute(end), columns)
    expected = [
        (_minute(number), str(number), row, "champion", float(row), 10.0 * (row + 1))
        for number in sorted(times)
        if start <= number < end
        for row in range(2)
    ]
    assert read.schema == REQUEST_LOG.schema(DEFINITION, columns)
    names = ["timestamp", "request_id", "row", "role", "a", "model_output"]
    shown = [name for name in names if name in read.column_names]
    assert [tuple(row.values()) for row in read.select(shown).to_pylist()] == [
        tuple(value for name, value in zip(names, row, strict=True) if name in shown)
        for row in expected
    ]


@settings(deadline=None, max_examples=12)
@given(
    st.sets(st.tuples(st.sampled_from("xyz"), st.sampled_from(["champion", "shadow"]))),
    st.lists(st.tuples(st.sampled_from("xyzu"), st.integers(0, 1), minutes), unique=True),
    st.booleans(),
)
def test_of_the_champion_what_is_labelled_is_joined_with_the_last_label(
    served: set[tuple[str, str]], told: list[tuple[str, int, int]], compacted: bool
) -> None:
    with TemporaryDirectory() as path:
        storage = Dated(Path(path))
        for request_id, role in served:
            moment = _minute("zyx".index(request_id))
            _put(storage, REQUEST_LOG, request_id + role, _served(request_id, moment, role))
        for place, (request_id, row, number) in enumerate(told):
            line = _known(request_id, row, float(number), _minute(number))
            _put(storage, LABELS, str(place), line)
        if compacted:
            _compact(storage)
        lake = Lake(storage, storage.catalog, clock=lambda: MIDNIGHT + HOUR)
        rows = lake.labelled(DEFINITION, MIDNIGHT, MIDNIGHT + HOUR).to_pylist()
    last = {(name, row): number for name, row, number in sorted(told, key=lambda each: each[2])}
    expected = [
        (request_id, row, float(last[request_id, row]), "champion")
        for request_id in "zyx"
        for row in range(2)
        if (request_id, "champion") in served and (request_id, row) in last
    ]
    assert [
        (each["request_id"], each["row"], each["label"], each["role"]) for each in rows
    ] == expected
    for each in rows:
        assert each["labelled_at"] == _minute(int(each["label"]))
        assert each["observed_at"] == each["labelled_at"] - MINUTE
        assert each["timestamp"] < MIDNIGHT + 3 * MINUTE
        assert each["a"] == each["row"]


@pytest.mark.parametrize("compacted", [False, True])
def test_labels_of_a_window_are_those_that_came_in_then(storage: Dated, compacted: bool) -> None:
    for number in range(3):
        _put(storage, LABELS, str(number), _known(str(number), 0, 1.0, _minute(number)))
    if compacted:
        _compact(storage)
    lake = Lake(storage, storage.catalog)
    assert lake.labels(DEFINITION, _minute(1), _minute(2))["request_id"].to_pylist() == ["1"]


def test_a_window_in_another_time_zone_is_the_same_window(storage: Dated) -> None:
    far = timezone(timedelta(hours=14))
    start, end = MIDNIGHT.astimezone(far), (MIDNIGHT + MINUTE).astimezone(far)
    for arrived in (MIDNIGHT - EARLIEST_LANDING, MIDNIGHT + LATEST_LANDING):
        _land(storage, MIDNIGHT, arrived, MIDNIGHT, f"{arrived:%d}")
    assert _ids(storage, start, end) == ["03", "05"]


def test_days_on_which_no_record_of_the_window_can_have_landed_are_not_read(
    storage: Dated,
) -> None:
    line = _served("astray", MIDNIGHT)
    for days in (-2, 3):
        day = (MIDNIGHT + days * DAY).date()
        storage.put(f"{REQUEST_LOG.raw_prefix('m', day)}00/{days}", line)
    assert _ids(storage, MIDNIGHT, MIDNIGHT + MINUTE) == []


def test_an_object_that_was_written_before_the_window_is_not_read(storage: Dated) -> None:
    # It names a moment that had not come yet: no record of ours can.
    earlier = MIDNIGHT - CLOCK_SKEW - timedelta(seconds=1)
    _land(storage, MIDNIGHT, MIDNIGHT, earlier)
    assert _ids(storage, MIDNIGHT, MIDNIGHT + MINUTE) == []


def test_a_table_is_made_by_the_first_compaction(storage: Dated) -> None:
    assert storage.catalog.load(REQUEST_LOG, "m") is None
    _put(storage, REQUEST_LOG, "one", _served("r1", MIDNIGHT))
    _compact(storage)
    table = storage.catalog.load(REQUEST_LOG, "m")
    assert table is not None
    assert table.location() == "s3://bucket/request-log/table/model=m"
    assert storage.catalog.load(LABELS, "m") is None


def test_a_file_that_is_gone_for_good_is_an_error_and_not_an_empty_day(storage: Dated) -> None:
    _put(storage, REQUEST_LOG, "one", _served("r1", MIDNIGHT))
    _compact(storage)
    for item in storage.list("request-log/table/"):
        if item.key.endswith(".parquet"):
            storage.delete(item.key)
    with pytest.raises(FileNotFoundError, match="parquet"):
        _ids(storage, MIDNIGHT, MIDNIGHT + MINUTE)


def test_without_the_list_of_held_objects_each_row_still_counts_once(storage: Dated) -> None:
    _put(storage, REQUEST_LOG, "one", _served("r1", MIDNIGHT))
    _compact(storage)
    for item in storage.list(REQUEST_LOG.held_prefix("m")):
        storage.put(item.key, b"half")
    assert _ids(storage, MIDNIGHT, MIDNIGHT + MINUTE) == ["r1", "r1"]


def test_rows_of_another_task_are_in_no_window(storage: Dated) -> None:
    _put(storage, REQUEST_LOG, "one", _served("r1", MIDNIGHT))
    _compact(storage)
    other = DEFINITION.model_copy(update={"task": "classification"})
    lake = Lake(storage, storage.catalog)
    assert lake.predictions(other, MIDNIGHT, MIDNIGHT + MINUTE).num_rows == 0
