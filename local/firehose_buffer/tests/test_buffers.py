"""Records are collected up to the hints, on disk, and written once however often all of it dies."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evergreen_firehose_buffer.buffers import FIRST_PAUSE, KEPT, LONGEST_PAUSE, Buffers, Hints
from evergreen_firehose_buffer.chunk import Chunk, Destination

NOON = datetime(2026, 5, 4, 23, 59, 58, tzinfo=UTC)
TO = Destination("requests", "1", "data", "raw/model=m/", "", "")
OTHER = Destination("labels", "1", "data", "labels/", ".jsonl", "")
MINUTE = Hints(size=100, interval=timedelta(seconds=60))
AT_ONCE = Hints(interval=timedelta(0))


@dataclass
class World:
    """S3, the time and the disk, with buffers that come and go."""

    folder: Path
    now: datetime = NOON
    refuses: bool = False
    objects: dict[str, bytes] = field(default_factory=dict)
    attempts: Counter[str] = field(default_factory=Counter)

    def buffers(self) -> Buffers:
        return Buffers(self.folder, self.deliver, lambda: self.now)

    def deliver(self, to: Destination, key: str, body: bytes) -> None:
        assert to in {TO, OTHER}
        self.attempts[key] += 1
        if self.refuses:
            raise ConnectionError("S3 is down")
        self.objects[key] = body

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @property
    def bodies(self) -> list[bytes]:
        return list(self.objects.values())

    @property
    def left(self) -> int:
        return len(list(self.folder.iterdir()))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "buffer")


def test_nothing_is_written_before_the_interval_and_all_of_it_after(world: World) -> None:
    buffers = world.buffers()
    buffers.add(TO, MINUTE, b"1\n")
    world.wait(59)
    buffers.add(TO, MINUTE, b"2\n")
    buffers.flush()
    assert world.bodies == []
    world.wait(1)  # since the first record, not since the last
    buffers.flush()
    assert world.bodies == [b"1\n2\n"]
    assert world.left == 0


def test_size_is_reached_before_the_interval(world: World) -> None:
    buffers = world.buffers()
    buffers.add(TO, MINUTE, b"x" * 99)
    buffers.flush()
    assert world.bodies == []
    buffers.add(TO, MINUTE, b"y")
    buffers.add(TO, MINUTE, b"z")
    buffers.flush()
    assert world.bodies == [b"x" * 99 + b"y"]


def test_the_key_has_the_time_of_the_first_record(world: World) -> None:
    buffers = world.buffers()
    buffers.add(TO, MINUTE, b"1\n")
    buffers.add(OTHER, MINUTE, b"2\n")
    world.wait(60)
    buffers.flush()
    first, second = sorted(world.objects, reverse=True)
    assert first.startswith("raw/model=m/2026/05/04/23/requests-1-2026-05-04-23-59-58-")
    assert second.startswith("labels/2026/05/04/23/labels-1-2026-05-04-23-59-58-")
    assert second.endswith(".jsonl")


def test_without_an_interval_each_call_is_an_object_before_it_is_answered(world: World) -> None:
    buffers = world.buffers()
    for number in range(3):
        buffers.add(TO, AT_ONCE, b"%d\n" % number)
    assert world.bodies == [b"0\n", b"1\n", b"2\n"]


def test_what_s3_refuses_is_tried_again_after_longer_and_longer_pauses(world: World) -> None:
    world.refuses = True
    buffers = world.buffers()
    buffers.add(TO, AT_ONCE, b"1\n")
    pause = FIRST_PAUSE
    for attempt in range(1, 9):
        assert list(world.attempts.values()) == [attempt]
        world.now += pause - timedelta(seconds=0.01)
        buffers.flush()
        assert list(world.attempts.values()) == [attempt]
        world.wait(0.01)
        buffers.flush()
        pause = min(2 * pause, LONGEST_PAUSE)
    world.refuses = False
    world.now += LONGEST_PAUSE
    buffers.flush()
    assert world.bodies == [b"1\n"]
    assert len(world.attempts) == 1  # the same key each time
    assert world.left == 0


def test_after_a_day_it_gives_up(world: World) -> None:
    world.refuses = True
    buffers = world.buffers()
    buffers.add(TO, AT_ONCE, b"1\n")
    world.now += KEPT
    buffers.flush()
    assert world.left == 1
    world.now += LONGEST_PAUSE
    buffers.flush()
    assert world.left == 0


def test_a_stop_writes_everything(world: World) -> None:
    buffers = world.buffers()
    buffers.start()
    buffers.add(TO, MINUTE, b"1\n")
    buffers.add(OTHER, MINUTE, b"2\n")
    buffers.stop()
    assert sorted(world.bodies) == [b"1\n", b"2\n"]
    assert world.left == 0


def test_its_thread_writes_what_is_due(world: World) -> None:
    buffers = Buffers(world.folder, world.deliver)
    buffers.start()
    buffers.add(TO, Hints(interval=timedelta(milliseconds=20)), b"1\n")
    buffers.add(OTHER, Hints(size=1), b"2\n")
    while world.left:
        time.sleep(0.001)
    buffers.stop()
    assert sorted(world.bodies) == [b"1\n", b"2\n"]


def test_what_an_earlier_process_accepted_is_written_once(world: World) -> None:
    buffers = world.buffers()
    buffers.add(TO, MINUTE, b"1\n")
    buffers.add(TO, MINUTE, b"2\n")
    for _ in range(2):
        world.buffers().flush()
    assert world.bodies == [b"1\n2\n"]
    assert world.left == 0


def test_a_flush_that_was_cut_off_is_repeated_under_the_same_key(world: World) -> None:
    world.buffers().add(TO, MINUTE, b"1\n")
    [path] = world.folder.iterdir()
    kept = path.read_bytes()
    world.buffers().flush()
    path.write_bytes(kept)  # as if the process had died before it deleted the file
    world.buffers().flush()
    assert world.bodies == [b"1\n"]
    assert list(world.attempts.values()) == [2]


def test_a_call_that_was_cut_off_at_any_byte_leaves_nothing(world: World) -> None:
    world.buffers().add(TO, MINUTE, b"1\n")
    [path] = world.folder.iterdir()
    one = path.read_bytes()
    Chunk(path).add(b"22\n")
    both = path.read_bytes()
    for size in range(len(both)):
        world.objects.clear()
        path.write_bytes(both[:size])
        world.buffers().flush()
        assert world.bodies == ([] if size < len(one) else [b"1\n"]), size
        assert world.left == 0


def test_a_call_that_the_disk_does_not_take_is_an_error_and_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffers = world.buffers()
    buffers.add(TO, MINUTE, b"1\n")
    write = os.write

    def full(file: int, content: bytes) -> int:
        if len(content) <= 5:
            raise OSError("no space left")
        return write(file, content[:-5])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="no space"):
            buffers.add(TO, MINUTE, b"lost\n")
    buffers.add(TO, MINUTE, b"2\n")
    world.wait(60)
    buffers.flush()
    assert world.bodies == [b"1\n2\n"]


KILLED = """
import sys
from datetime import timedelta
from pathlib import Path
from evergreen_firehose_buffer.buffers import Buffers, Hints
from evergreen_firehose_buffer.chunk import Destination
to = Destination("requests", "1", "data", "raw/model=m/", "", "")
buffers = Buffers(Path(sys.argv[1]), lambda *_: None)
for number in range(10**9):
    buffers.add(to, Hints(size=10**9), b"%d\\n" % number)
    print(number, flush=True)
"""


def test_a_kill_loses_nothing_that_was_accepted(world: World) -> None:
    source = Path(__file__).parents[1] / "src"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(world.folder)],
        env={"PYTHONPATH": str(source)},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        for _ in range(200):
            process.stdout.readline()
        process.kill()
        rest = process.stdout.read()
    accepted = 200 + rest.count(b"\n")
    world.buffers().flush()
    [body] = world.bodies
    rows = [int(line) for line in body.splitlines()]
    # One more may be on disk than was answered for.
    assert rows == list(range(len(rows)))
    assert accepted <= len(rows) <= accepted + 1
