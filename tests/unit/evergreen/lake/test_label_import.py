"""Imports of ground truth: killed anywhere they are continued, and no label counts twice."""

from __future__ import annotations

import csv
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.bundle.content import Signature
from evergreen.capture.label_files import LabelFile
from evergreen.capture.refusals import Refusals
from evergreen.capture.request_log import new_request_id
from evergreen.lake import import_outcome, label_import
from evergreen.lake.caller_ids import CallerIds
from evergreen.lake.import_outcome import find_outcome
from evergreen.lake.label_import import ImportProgress, LabelImport
from evergreen.lake.reader import Lake
from evergreen.lake.tables import REQUEST_LOG
from evergreen.model_definition import ModelDefinition
from tests.support.folder_bucket import Folder
from tests.support.killed import Killed
from tests.support.lake_tables import catalog_in
from tests.support.log_records import encode, request_records

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.storage import Storage

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DEFINITION = ModelDefinition.model_validate(
    {"name": "m", "task": "classification", "target": "y", "features": {"a": {"type": "float"}}}
)
SIGNATURE = Signature(
    task="classification", target="y", features=(), classes=("0", "1"), class_type="integer"
)
IDS = [new_request_id() for _ in range(10)]


class Ticking:
    """A clock that goes on by a second each time that it is read."""

    def __init__(self) -> None:
        self._ticks = itertools.count()

    def __call__(self) -> datetime:
        return NOW + timedelta(seconds=next(self._ticks))


class Dying(Folder):
    """A bucket whose user is killed at one of the writes: before it, or behind it."""

    def __init__(self, path: Path, at: int, *, behind: bool) -> None:
        super().__init__(path)
        self._left = at
        self._behind = behind

    def put(self, key: str, body: bytes) -> None:
        dies = self._left == 0
        self._left -= 1
        if dies and not self._behind:
            raise Killed
        super().put(key, body)
        if dies:
            raise Killed


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_import, "BATCH_LABELS", 3)
    monkeypatch.setattr(import_outcome, "CHUNK_LABELS", 4)


@pytest.fixture
def file(tmp_path: Path) -> LabelFile:
    """Ten labels; the second and the seventh line of them are refused."""
    lines = [f"{each},{number % 2}" for number, each in enumerate(IDS)]
    lines[1], lines[6] = "x,1", f"{IDS[6]},late"
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(("request_id,label", *lines)))
    return LabelFile(path)


def _import(storage: Storage, file: LabelFile, **changes: Any) -> LabelImport:
    def no_ids(_: str) -> str:
        raise AssertionError

    given: dict[str, Any] = {"request_id": no_ids, "clock": Ticking()} | changes
    refusals = Refusals(file.path.with_name("refused.csv"))
    return LabelImport(storage, DEFINITION, SIGNATURE, file, refusals, **given)


def _run(storage: Storage, file: LabelFile, *, again: bool = False, **changes: Any) -> Any:
    *_, last = _import(storage, file, **changes).run(again=again)
    return last


def _landed(storage: Storage) -> list[dict[str, Any]]:
    bodies = [storage.get(item.key) or b"" for item in storage.list("labels/raw/model=m/")]
    return [json.loads(line) for body in bodies for line in body.splitlines()]


def _read(storage: Storage) -> list[tuple[str, str]]:
    table = Lake(storage, catalog_in(storage)).labels(
        DEFINITION, NOW - timedelta(days=1), NOW + timedelta(days=1)
    )
    return list(zip(table["request_id"].to_pylist(), table["label"].to_pylist(), strict=True))


def _report(file: LabelFile) -> list[list[str]]:
    with file.path.with_name("refused.csv").open(newline="") as report:
        return list(csv.reader(report))


EXPECTED = sorted((each, str(n % 2)) for n, each in enumerate(IDS) if n not in {1, 6})
REFUSED = [
    ["line", "field", "reason"],
    ["3", "request_id"],
    ["8", "label"],
]


def test_a_file_lands_in_batches_and_its_refused_lines_are_reported(
    tmp_path: Path, file: LabelFile
) -> None:
    storage = Folder(tmp_path / "bucket")
    seen = list(_import(storage, file).run())
    assert [each.accepted for each in seen] == [2, 5, 7, 8]
    assert [each.place.line for each in seen] == [4, 7, 10, 11]
    last = seen[-1]
    assert (last.lines, last.refused, last.repeated, last.new_classes) == (10, 2, 0, {})
    assert last.finished_at is not None
    assert len({*last.objects}) == 4
    assert sorted(_read(storage)) == EXPECTED
    assert [row[:2] for row in _report(file)[1:]] == REFUSED[1:]
    assert all(row[2] for row in _report(file))


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("at", range(9))
def test_killed_at_any_write_the_next_run_goes_on(
    tmp_path: Path, file: LabelFile, at: int, *, behind: bool
) -> None:
    clock = Ticking()
    with pytest.raises(Killed):
        _run(Dying(tmp_path / "bucket", at, behind=behind), file, clock=clock)
    storage = Folder(tmp_path / "bucket")
    before = len(_landed(storage))
    seen = list(_import(storage, file, clock=clock).run())
    assert (seen[-1].accepted, seen[-1].refused, seen[-1].lines) == (8, 2, 10)
    assert seen[-1].finished_at is not None
    assert len(_landed(storage)) == 8  # what was written was not written again
    assert sorted(_read(storage)) == EXPECTED
    assert [row[:2] for row in _report(file)[1:]] == REFUSED[1:]
    first = next((each for each in seen if each.accepted > before), None)
    assert first is None or before <= first.accepted <= before + 3


def test_a_finished_import_is_not_sent_again_unless_asked(tmp_path: Path, file: LabelFile) -> None:
    storage = Folder(tmp_path / "bucket")
    clock = Ticking()
    first = _run(storage, file, clock=clock)
    assert list(_import(storage, file, clock=clock).run()) == [first]
    assert len(_landed(storage)) == 8
    again = _run(storage, file, again=True, clock=clock)
    assert again.accepted == 8
    assert not {*first.objects} & {*again.objects}
    assert sorted(_read(storage)) == EXPECTED
    assert [row[:2] for row in _report(file)[1:]] == REFUSED[1:]


def test_an_import_that_is_sent_again_does_not_take_up_the_older_run(
    tmp_path: Path, file: LabelFile
) -> None:
    clock = Ticking()
    with pytest.raises(Killed):
        _run(Dying(tmp_path / "bucket", 3, behind=True), file, clock=clock)
    storage = Folder(tmp_path / "bucket")
    assert [each.accepted for each in _import(storage, file, clock=clock).run(again=True)] == [
        2, 5, 7, 8
    ]  # fmt: skip


def test_the_same_content_with_other_columns_is_another_import(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"request_id,label,other\n{IDS[0]},1,0\n")
    storage = Folder(tmp_path / "bucket")
    clock = Ticking()
    _run(storage, LabelFile(path), clock=clock)
    _run(storage, LabelFile(path, {"label": "other"}), clock=clock)
    assert _read(storage) == [(IDS[0], "0")]


def test_of_two_labels_of_a_row_in_a_file_the_last_counts(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"request_id,label\n{IDS[0]},1\n{IDS[0]},0\n{IDS[1]},7\n")
    storage = Folder(tmp_path / "bucket")
    done = _run(storage, LabelFile(path))
    assert (done.accepted, done.repeated, done.new_classes) == (2, 1, {"7": 1})
    assert sorted(_read(storage)) == sorted([(IDS[0], "0"), (IDS[1], "7")])


def test_a_file_of_refused_lines_alone_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("request_id,label\n" + "x,1\n" * 5)
    storage = Folder(tmp_path / "bucket")
    done = _run(storage, LabelFile(path))
    assert (done.accepted, done.refused, done.objects) == (0, 5, ())
    assert _landed(storage) == []


def _predict(storage: Storage, request_id: str, *, caller: str | None = None) -> None:
    moment = NOW - timedelta(hours=2)
    [record] = request_records(
        timestamp=moment,
        request_id=request_id,
        definition=DEFINITION,
        model_version="1",
        rows=[{"a": 1.5}],
        outputs=[1],
        confidences=None,
        metadata={"role": "champion"} | ({"id": caller} if caller else {}),
    )
    storage.put(
        f"{REQUEST_LOG.landing_prefix('m')}{moment:%Y/%m/%d/%H}/{request_id}", encode(record)
    )


def test_a_callers_id_is_looked_up_in_the_log(tmp_path: Path) -> None:
    storage = Folder(tmp_path / "bucket")
    for request_id, caller in zip(IDS, ("a", "b", "b", None, 'say "id"'), strict=False):
        _predict(storage, request_id, caller=caller)
    with CallerIds(tmp_path / "ids") as ids:
        ids.read(Lake(storage, catalog_in(storage)), DEFINITION, NOW - timedelta(days=1), NOW)
        assert ids.request_id("a") == IDS[0]
        assert ids.request_id('say "id"') == IDS[4]
        with pytest.raises(ValueError, match="several requests"):
            ids.request_id("b")
        with pytest.raises(ValueError, match="no logged request"):
            ids.request_id("c")


@pytest.mark.parametrize("known_at", [NOW - timedelta(days=3), NOW])
def test_the_outcome_tells_joined_from_waiting_from_unknown(
    tmp_path: Path, known_at: datetime
) -> None:
    storage = Folder(tmp_path / "bucket")
    for request_id in IDS[:4]:
        _predict(storage, request_id)
    path = tmp_path / "f.csv"
    times = ["2026-05-04T11:00:00Z"] * 6 + [""] * 4
    lines = [f"{each},1,{moment}" for each, moment in zip(IDS, times, strict=True)]
    path.write_text("\n".join(("request_id,label,observed_at", *lines)))
    done: ImportProgress = _run(storage, LabelFile(path))

    def outcome() -> import_outcome.ImportOutcome:
        return find_outcome(
            storage,
            Lake(storage, catalog_in(storage)),
            DEFINITION,
            done,
            known_at=known_at,
            now=NOW,
        )

    # Four were known an hour ago or are known by now, and the two before them are in no log.
    old = 2 if known_at == NOW else 6
    found = outcome()
    assert (found.joined, found.waiting, found.unknown, found.removed) == (4, 6 - old, old, 0)
    of_old = IDS[4:6] if known_at == NOW else IDS[4:]
    assert len(found.examples) == min(old, 5)
    assert {*found.examples} <= {*of_old}
    assert outcome() == found
    storage.delete(done.objects[0])
    assert (outcome().joined, outcome().removed) == (1, 3)
