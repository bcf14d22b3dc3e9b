"""Memory for functions: as many run at once as fit this machine.

A running function counts with its configured memory, an idle process with what it holds. If the
next function does not fit, idle processes end, the longest idle first. Then it waits, and in the
end it is throttled, as AWS does when an account's concurrency is used up.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SETTING = "EVERGREEN_LAMBDA_MEMORY_MB"
"""The memory for all functions together; half of this machine's by default."""
PATIENCE = 25.0
"""Seconds that a function waits for memory; API Gateway waits 29 for an answer."""
_MEBI = 2**20


class NoRoomError(Exception):
    """The memory for functions was used up for too long."""


class Tenant(Protocol):
    """An execution environment."""

    def evict(self) -> bool:
        """End the process unless it runs the function; return whether it ended."""

    def resident_mb(self) -> int:
        """Return the memory that the process holds."""


class Room:
    """The memory that all functions share.

    Parameters
    ----------
    size_mb
        How much it is.
    patience
        Seconds that a function waits for it.
    """

    def __init__(self, size_mb: int, patience: float = PATIENCE) -> None:
        self._size = size_mb
        self._patience = patience
        self._changed = threading.Condition()
        self._busy: dict[Tenant, int] = {}
        self._idle: dict[Tenant, int] = {}

    @contextmanager
    def of(self, tenant: Tenant, memory_mb: int) -> Iterator[None]:
        """Hold the memory of one invocation.

        One function always runs, however large it is.

        Raises
        ------
        NoRoomError
            If there was no room in time.
        """
        give_up = time.monotonic() + self._patience
        with self._changed:
            self._idle.pop(tenant, None)
            while not self._fits(memory_mb):
                left = give_up - time.monotonic()
                if left <= 0:
                    raise NoRoomError(f"functions use all {self._size} MB that {SETTING} gives")
                self._changed.wait(left)
            self._busy[tenant] = memory_mb
        try:
            yield
        finally:
            with self._changed:
                del self._busy[tenant]
                self._idle[tenant] = tenant.resident_mb()
                self._changed.notify_all()

    def forget(self, tenant: Tenant) -> None:
        """Count a tenant no more, because its process has ended."""
        with self._changed:
            self._idle.pop(tenant, None)
            self._changed.notify_all()

    def _fits(self, memory_mb: int) -> bool:
        for oldest in [None, *self._idle]:
            if oldest and oldest.evict():
                del self._idle[oldest]
            used = sum(self._busy.values()) + sum(self._idle.values())
            if used + memory_mb <= self._size:
                return True
        return not self._busy


def room_size(environ: Mapping[str, str]) -> int:
    """Return the memory for functions in MB: the setting, or half of what this machine has."""
    if given := environ.get(SETTING):
        return int(given)
    memory = psutil.virtual_memory().total
    with suppress(OSError, ValueError):  # a container's limit, which says `max` if there is none
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return int(memory / 2 / _MEBI)


ROOM = Room(room_size(os.environ))
"""The memory for the functions of this LocalStack."""
