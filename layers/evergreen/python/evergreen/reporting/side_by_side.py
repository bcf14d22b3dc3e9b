"""Reading several sources side by side: one that is slow or fails leaves a gap in the result."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

THREADS = 8
"""The number of reads of one source at the same time."""

_log = logging.getLogger(__name__)


class SideBySide:
    """Reads in threads. Each source has its own, so one that hangs keeps no other waiting."""

    def __init__(self) -> None:
        self._sources: dict[str, ThreadPoolExecutor] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def read[T](self, source: str, call: Callable[[], T]) -> Future[T]:
        """Begin to read from a source."""
        if source not in self._sources:
            self._sources[source] = self._open.enter_context(ThreadPoolExecutor(THREADS, source))
        return self._sources[source].submit(call)


class Gaps[Name: str]:
    """The parts of a result that could not be read, by name."""

    def __init__(self) -> None:
        self._names: list[Name] = []

    @property
    def names(self) -> tuple[Name, ...]:
        """The names, in the order in which they were found."""
        return tuple(dict.fromkeys(self._names))

    def fill[T](self, name: Name, read: Future[T], missing: T) -> T:
        """Return what was read, or ``missing`` and remember the gap."""
        try:
            return read.result()
        except Exception:  # noqa: BLE001 - whatever the reason, the other parts are shown
            _log.warning("%s could not be read", name, exc_info=True)
            self._names.append(name)
            return missing
