"""Running a command with its time and the largest memory of it and all its processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Measured:
    """How long a command took, and the largest sum of its processes' memory (RSS) meanwhile."""

    seconds: float
    peak_mb: int


def run_measured(command: Sequence[str], log: str) -> Measured:
    """Run a command in a process group of its own; whatever it has started ends with it.

    Raises
    ------
    SystemExit
        If it fails. What it wrote is in ``log``.
    """
    started, peak = time.monotonic(), 0
    with open(log, "wb") as target:  # noqa: PTH123 - a path as text
        process = subprocess.Popen(
            command, stdout=target, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            while process.poll() is None:
                peak = max(peak, _memory(process.pid))
                time.sleep(_LOOK_SECONDS)
        finally:
            seconds = time.monotonic() - started
            _end_group(process.pid)
    if process.returncode:
        sys.exit(f"failed with {process.returncode}: {' '.join(command)}; see {log}")
    return Measured(seconds, peak // 2**20)


def _memory(pid: int) -> int:
    total = 0
    try:
        root = psutil.Process(pid)
        for each in (root, *root.children(recursive=True)):
            total += each.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # it has ended meanwhile
    return total


def _end_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
