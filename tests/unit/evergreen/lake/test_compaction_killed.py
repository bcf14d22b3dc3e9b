"""Compaction: killed before any change, doubled, interleaved: each row counts once."""

from __future__ import annotations

import shutil
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.clock import to_text
from evergreen.lake.tables import LABELS, REQUEST_LOG, TableKind
from tests.support.folder_bucket import Mortal
from tests.support.killed import Killed
from tests.support.log_records import encode
from tests.support.small_lake import DAY_BEFORE, DEFINITION, NOW, RECENT, SmallLake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.storage import Storage


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


def _assert_each_row_counts_once(lake: SmallLake, records: Sequence[Landed]) -> None:
    reader = lake.reader()
    for kind, column in ((REQUEST_LOG, "a"), (LABELS, "label")):
        read = reader.predictions if kind is REQUEST_LOG else reader.labels
        rows = read(DEFINITION, NOW - timedelta(days=3), NOW).to_pylist()
        times = [row["timestamp"] for row in rows]
        assert times == sorted(times)
        expected = _expected(records, kind)
        assert sorted(row["request_id"] for row in rows) == sorted(expected)
        for row in rows:
            assert (row["timestamp"], row[column]) in expected[row["request_id"]]


@settings(deadline=None, max_examples=6)
@given(ARRIVALS, ARRIVALS, st.integers(0, 30))
def test_killed_at_any_change_and_run_again_each_row_counts_once(
    first: list[Landed], second: list[Landed], changes: int
) -> None:
    with TemporaryDirectory() as folder:
        lake = SmallLake(Path(folder))
        _arrive(lake.storage, first, "first")
        _assert_each_row_counts_once(lake, first)
        lake.compact()
        _assert_each_row_counts_once(lake, first)
        _arrive(lake.storage, second, "second")
        with suppress(Killed):
            lake.seen_by(Mortal(lake.path, changes)).compact(keep_raw=timedelta(0))
        _assert_each_row_counts_once(lake, [*first, *second])
        report = lake.compact(keep_raw=timedelta(0))
        _assert_each_row_counts_once(lake, [*first, *second])
        assert (report.failures, report.oldest_waiting, lake.raw()) == ([], None, [])
        assert lake.compact().done == []


def test_every_change_that_a_kill_can_precede_is_tried(tmp_path: Path) -> None:
    """The same, killed before each change in turn."""
    first = [Landed(REQUEST_LOG, RECENT, number, str(number), 0, 0.0) for number in range(2)]
    second = [*first, replace(first[0], request_id="9")]
    before = SmallLake(tmp_path / "before", on_disk=True)
    _arrive(before.storage, first, "first")
    before.compact()
    _arrive(before.storage, second, "second")
    for changes in range(100):
        shutil.copytree(before.path, tmp_path / str(changes))
        lake = SmallLake(tmp_path / str(changes), on_disk=True)
        killed = True
        with suppress(Killed):
            lake.seen_by(Mortal(lake.path, changes)).compact(keep_raw=timedelta(0))
            killed = False
        _assert_each_row_counts_once(lake, second)
        lake.compact(keep_raw=timedelta(0))
        _assert_each_row_counts_once(lake, second)
        assert lake.raw() == []
        if not killed:
            break
    # The rejected lines of two objects, the file, the list of held objects, a manifest, the list of
    # manifests, the metadata, and four raw objects.
    assert changes == 11
