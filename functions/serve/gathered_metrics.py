"""Metrics of many answers in few lines: a server writes them once a second.

A function writes the metrics of each invocation before its process is frozen. A server goes on, so
its lines can have the values of all answers of a second: names and units are not repeated for each
of them, and CloudWatch bills the bytes.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.metrics import Recorder

SECONDS = 1.0


class GatheredMetrics:
    """Writes what was recorded within a second.

    Parameters
    ----------
    recorder
        It collects the metrics.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._timer: asyncio.TimerHandle | None = None

    def write_soon(self) -> None:
        """Let what was recorded be written within a second, by the running event loop."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SECONDS, self.write)

    def write(self) -> None:
        """Write now, if anything waits."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        self._recorder.flush()
        sys.stdout.flush()
