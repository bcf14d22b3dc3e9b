"""Functions never hold more memory than they are given, and none waits for ever."""

from __future__ import annotations

import random
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from evergreen_lambda_executor.room import SETTING, NoRoomError, Room, room_size


@dataclass(eq=False)
class Environment:
    """An environment whose process holds some memory between invocations."""

    holds: int
    evicted: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def evict(self) -> bool:
        if not self.lock.acquire(blocking=False):
            return False
        self.evicted += 1
        self.lock.release()
        return True

    def resident_mb(self) -> int:
        return self.holds


def test_the_longest_idle_ends_for_the_next() -> None:
    room = Room(1000, patience=0)
    first, second, third = Environment(400), Environment(400), Environment(100)
    for each in (first, second):
        with room.of(each, 500):
            pass
    with room.of(third, 500):
        assert (first.evicted, second.evicted) == (1, 0)
    with room.of(second, 900):
        assert (second.evicted, third.evicted) == (0, 0)


def test_running_functions_are_never_ended_and_the_next_is_throttled() -> None:
    room = Room(1000, patience=0.01)
    first, second = Environment(400), Environment(0)
    with room.of(first, 600):
        with pytest.raises(NoRoomError, match=SETTING), room.of(second, 500):
            pass
        assert not first.evicted
    with room.of(second, 500):
        pass


def test_one_runs_however_large_it_is() -> None:
    with Room(1000, patience=0).of(Environment(0), 3008):
        pass


def test_a_stopped_environment_counts_no_more() -> None:
    room = Room(1000, patience=0)
    first = Environment(900)
    with room.of(first, 900):
        pass
    room.forget(first)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(room.of(Environment(0), 500))
    assert not first.evicted


def test_many_at_once_stay_within_the_room() -> None:
    room, size = Room(1000, patience=30), 1000
    running, most = 0, 0
    guard = threading.Lock()

    def invoke(seed: int) -> None:
        nonlocal running, most
        chance, own = random.Random(seed), Environment(50)
        for _ in range(10):
            need = chance.choice([128, 256, 512])
            with room.of(own, need), own.lock:
                with guard:
                    running += need
                    most = max(most, running)
                time.sleep(0.001)
                with guard:
                    running -= need

    threads = [threading.Thread(target=invoke, args=[seed]) for seed in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert running == 0
    assert size / 2 < most <= size


def test_the_size_is_the_setting_or_half_of_the_machine() -> None:
    assert room_size({SETTING: "4096"}) == 4096
    assert room_size({}) > 256
