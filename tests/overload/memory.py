"""The memory of a stack: of its services, and of every process that they started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from local.state import StateFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from local.settings import Settings

_FUNCTION = "awslambdaric"


@dataclass(frozen=True, slots=True)
class Held:
    """What the processes of a stack hold at one time.

    Parameters
    ----------
    shared
        Bytes, a page that several processes share counted once (proportional set size).
    resident
        Bytes, counted for each process: what ``ps`` would add up to.
    processes
        All of them.
    functions
        Those that run a function.
    """

    shared: int = 0
    resident: int = 0
    processes: int = 0
    functions: int = 0

    def peak(self, other: Held) -> Held:
        """Return the larger of each number."""
        return Held(
            max(self.shared, other.shared),
            max(self.resident, other.resident),
            max(self.processes, other.processes),
            max(self.functions, other.functions),
        )


def held_by(settings: Settings) -> Held:
    """Measure the processes of a stack now."""
    services = StateFile(settings.paths.state_file).read().services.values()
    return held_by_processes(_family(record.child.pid for record in services))


def held_by_processes(processes: Iterable[psutil.Process]) -> Held:
    """Measure processes; one that has ended meanwhile counts nothing."""
    shared = resident = number = functions = 0
    for process in processes:
        try:
            memory, arguments = process.memory_full_info(), process.cmdline()
        except psutil.Error:
            continue
        shared += memory.pss
        resident += memory.rss
        number += 1
        functions += _FUNCTION in arguments
    return Held(shared, resident, number, functions)


def _family(pids: Iterable[int]) -> Iterator[psutil.Process]:
    for pid in pids:
        try:
            parent = psutil.Process(pid)
            yield from (parent, *parent.children(recursive=True))
        except psutil.Error:
            continue
