"""Locks, whole writes and log tails."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from local.files import delete_discarded, discard, exclusive, tail, write_whole

if TYPE_CHECKING:
    from pathlib import Path


def test_second_holder_waits_for_the_first(tmp_path: Path) -> None:
    lock = tmp_path / "deep" / "lock"
    waiting, entered = Event(), Event()

    def second() -> None:
        with exclusive(lock, waiting.set):
            entered.set()

    other = Thread(target=second)
    with exclusive(lock, lambda: None):
        other.start()
        assert waiting.wait(30)
        assert not entered.is_set()
    other.join(30)
    assert entered.is_set()


def test_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    waited: list[bool] = []
    with pytest.raises(ValueError, match="inside"), exclusive(tmp_path / "lock", lambda: None):
        raise ValueError("inside")
    with exclusive(tmp_path / "lock", lambda: waited.append(True)):
        assert waited == []


def test_whole_write_replaces_and_leaves_no_draft(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "state.json"
    write_whole(file, "old")
    write_whole(file, "new")
    assert [entry.name for entry in file.parent.iterdir()] == ["state.json"]
    assert file.read_text() == "new"


def test_tail_is_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(10_000)))
    assert tail(log, 2) == "line 9998\nline 9999"


def test_tail_says_when_there_is_nothing(tmp_path: Path) -> None:
    assert tail(tmp_path / "missing") == "(no log was written)"
    (tmp_path / "empty").touch()
    assert tail(tmp_path / "empty") == "(the log is empty)"


def test_what_is_discarded_is_out_of_the_way_and_then_gone(tmp_path: Path) -> None:
    folder, other = tmp_path / "localstack", tmp_path / "localstack-of-another"
    other.mkdir()
    discard(folder).join(30)  # there is none yet
    for _ in range(2):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "file").write_text("x")
        deletion = discard(folder)
        assert not folder.exists()
        deletion.join(30)
    folder.mkdir()
    assert sorted(tmp_path.iterdir()) == [folder, other]
    (tmp_path / ".localstack.discarded.of-a-killed-process").mkdir()
    delete_discarded(folder)
    assert sorted(tmp_path.iterdir()) == [folder, other]
