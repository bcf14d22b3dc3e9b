"""Compactions at the same time: whichever comes first, each row is in the table once."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pyiceberg.exceptions import CommitFailedException

from evergreen.lake.commits import HeldChangedError, _Append
from evergreen.lake.tables import REQUEST_LOG
from tests.support.folder_bucket import Folder
from tests.support.small_lake import SmallLake, land

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from evergreen.lake.compaction import CompactionReport
    from evergreen.storage import StoredObject


class Interrupted(Folder):
    """A bucket in which something else happens before one of a process's calls.

    Reading Iceberg's own metadata is left out: it changes nothing, and there is much of it.
    """

    def __init__(self, path: Path, call: int, event: Any) -> None:
        super().__init__(path)
        self.calls = 0
        self._call = call
        self._event = event

    def put(self, key: str, body: bytes) -> None:
        self._count()
        super().put(key, body)

    def get(self, key: str) -> bytes | None:
        if "/metadata/" not in key:
            self._count()
        return super().get(key)

    def list(self, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        self._count()
        return super().list(prefix, start_after)

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self._call:
            self._event()


def _stored_ids(lake: SmallLake) -> list[str]:
    """Return the ids in the table itself, twice where a row is there twice."""
    table = lake.catalog.load(REQUEST_LOG, "m")
    assert table is not None
    found = table.scan().to_arrow()
    return sorted(found["request_id"].to_pylist())


def _interrupted(path: Path, call: int) -> tuple[SmallLake, Interrupted, list[CompactionReport]]:
    """Compact; before a call of it, let another compaction run that also sees a later object."""
    lake = SmallLake(path, on_disk=True)
    land(lake.storage, "one", "r1")
    reports = []

    def other() -> None:
        land(lake.storage, "two", "r2")
        reports.append(lake.compact())

    bucket = Interrupted(path, call, other)
    reports.append(lake.seen_by(bucket).compact(keep_raw=timedelta(0)))
    return lake, bucket, reports


def test_another_compaction_at_each_step_of_a_compaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = SmallLake(tmp_path / "before", on_disk=True)
    land(lake.storage, "zero", "r0")
    lake.compact()
    conflicts = []
    check = _Append.check

    def counted(append: _Append) -> None:
        try:
            check(append)
        except HeldChangedError:
            conflicts.append(append)
            raise

    monkeypatch.setattr(_Append, "check", counted)
    monkeypatch.setattr("time.sleep", lambda _: None)
    for call in range(1, 100):
        shutil.copytree(lake.path, tmp_path / str(call))
        other, bucket, reports = _interrupted(tmp_path / str(call), call)
        if bucket.calls < call:
            break
        for report in reports:
            assert report.failures == []
        other.compact()
        assert _stored_ids(other) == ["r0", "r1", "r2"]
        assert other.ids() == ["r0", "r1", "r2"]
    # The hook has met conflicts for real, and not only at one step.
    assert len(conflicts) > 3
    assert call > 10


def test_a_commit_that_another_table_change_overtakes_is_tried_again(tmp_path: Path) -> None:
    """What changes no held object, such as a rewrite by Glue, costs no second reading."""
    lake = SmallLake(tmp_path)
    land(lake.storage, "zero", "r0")
    lake.compact()
    land(lake.storage, "one", "r1")

    def other() -> None:
        table = lake.catalog.load(REQUEST_LOG, "m")
        assert table is not None
        with table.transaction() as change:
            change.update_snapshot().fast_append().commit()

    reads: list[str] = []

    class Overtaken(Folder):
        def put(self, key: str, body: bytes) -> None:
            if key.endswith(".held"):
                other()
            super().put(key, body)

        def get(self, key: str) -> bytes | None:
            if "/raw/" in key:
                reads.append(key)
            return super().get(key)

    report = lake.seen_by(Overtaken(tmp_path)).compact()
    assert report.failures == []
    assert len(reads) == 1
    assert _stored_ids(lake) == ["r0", "r1"]


def test_a_commit_that_happened_and_was_reported_as_failed_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = SmallLake(tmp_path)
    land(lake.storage, "zero", "r0")
    lake.compact()
    land(lake.storage, "one", "r1")
    catalog = lake.catalog.catalog
    commit = catalog.commit_table
    answers = iter([CommitFailedException("the answer was lost")])

    def lost(*args: Any) -> Any:
        answer = commit(*args)
        for error in answers:
            raise error
        return answer

    monkeypatch.setattr(catalog, "commit_table", lost)
    assert lake.compact().failures == []
    assert _stored_ids(lake) == ["r0", "r1"]


def test_a_commit_whose_outcome_is_unknown_leaves_a_table_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last of all tries has happened, and every one was reported as failed."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    lake = SmallLake(tmp_path)
    land(lake.storage, "zero", "r0")
    lake.compact()
    land(lake.storage, "one", "r1")
    catalog = lake.catalog.catalog
    commit = catalog.commit_table
    calls: list[int] = []

    def unlucky(*args: Any) -> Any:
        calls.append(1)
        if len(calls) == 9:
            commit(*args)
        if len(calls) <= 9:
            raise CommitFailedException("in between")
        return commit(*args)

    monkeypatch.setattr(catalog, "commit_table", unlucky)
    assert lake.compact().failures == []
    assert _stored_ids(lake) == ["r0", "r1"]


def test_threads_with_catalogues_of_their_own_lose_and_double_nothing(tmp_path: Path) -> None:
    expected = []
    for name in range(12):
        land(Folder(tmp_path), f"{name:02}", f"r{name:02}", rows=2)
        expected += [f"r{name:02}"] * 2

    def run(_: int) -> CompactionReport:
        return SmallLake(tmp_path, on_disk=True).compact()

    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(run, range(3)))
    lake = SmallLake(tmp_path, on_disk=True)
    lake.compact()
    assert _stored_ids(lake) == expected
    assert lake.ids() == expected
    assert sum(each.rows for report in reports for each in report.done) >= len(expected) - 2
