"""The buffers of all streams: what is collected, and when it is delivered."""

from __future__ import annotations

import logging
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from evergreen_firehose_buffer.chunk import Chunk, Destination, Head

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Deliver = Callable[[Destination, str, bytes], None]
    """Writes one object: destination, key, body; raises if S3 refuses."""

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=1)
KEPT = timedelta(hours=24)
"""How long delivery is tried (docs.aws.amazon.com/firehose/latest/dev/retry.html)."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hints:
    """A stream's ``BufferingHints``; the defaults are AWS's.

    Parameters
    ----------
    size
        Bytes after which an object is written.
    interval
        Time after the first record at which it is written. Zero: at once.
    """

    size: int = 5 * 1024**2
    interval: timedelta = timedelta(seconds=300)


@dataclass(slots=True)
class _Collecting:
    chunk: Chunk
    due: datetime
    size: int = 0


@dataclass(slots=True)
class _Waiting:
    chunk: Chunk
    due: datetime
    pause: timedelta = field(default=FIRST_PAUSE)


class Buffers:
    """Collects records on disk, and delivers them when they are due.

    Parameters
    ----------
    folder
        Its files; what an earlier process left here is due at once.
    deliver
        Writes one object.
    clock
        The time, for tests.
    """

    def __init__(
        self,
        folder: Path,
        deliver: Deliver,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._folder = folder
        self._deliver = deliver
        self._clock = clock
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._collecting: dict[Destination, _Collecting] = {}
        self._waiting = [_Waiting(Chunk(path), clock()) for path in sorted(folder.iterdir())]

    def start(self) -> None:
        """Deliver in a thread of its own from now on."""
        self._thread = threading.Thread(target=self._run, name="firehose-buffers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Deliver everything that S3 takes; the rest stays on disk."""
        self._stopping = True
        self._changed.set()
        if self._thread:
            self._thread.join()
        self.flush(everything=True)

    def add(self, destination: Destination, hints: Hints, data: bytes) -> None:
        """Accept the records of one call.

        Raises
        ------
        OSError
            If the disk does not take them; then none of them counts.
        """
        with self._lock:
            now = self._clock()
            collecting = self._collecting.get(destination)
            if collecting is None:
                chunk = Chunk(self._folder / uuid.uuid4().hex)
                chunk.create(Head(destination, now))
                collecting = _Collecting(chunk, now + hints.interval)
                self._collecting[destination] = collecting
            collecting.chunk.add(data)
            collecting.size += len(data)
            at_once = not hints.interval
            if at_once or collecting.size >= hints.size:
                del self._collecting[destination]
                waiting = _Waiting(collecting.chunk, now)
                if not at_once:
                    self._waiting.append(waiting)
        if at_once:
            self._attempt(waiting)
        self._changed.set()

    def flush(self, *, everything: bool = False) -> None:
        """Deliver what is due, or everything; what S3 refuses is due again later."""
        with self._lock:
            now = self._clock()
            for destination, collecting in list(self._collecting.items()):
                if everything or collecting.due <= now:
                    del self._collecting[destination]
                    self._waiting.append(_Waiting(collecting.chunk, now))
            due = [each for each in self._waiting if everything or each.due <= now]
            self._waiting = [each for each in self._waiting if each not in due]
        for waiting in due:
            self._attempt(waiting)

    def _attempt(self, waiting: _Waiting) -> None:
        chunk = waiting.chunk
        head = chunk.head()
        body = chunk.body() if head else b""
        if not head or not body:  # cut off before anything in it was answered
            chunk.path.unlink()
            return
        try:
            self._deliver(head.destination, chunk.key(head), body)
        except Exception as error:  # noqa: BLE001 - whatever the fault, the records must not be lost
            now = self._clock()
            if now - head.arrived > KEPT:
                _LOG.error("gave up %s bytes of %s: %s", len(body), head.destination, error)
                chunk.path.unlink()
                return
            _LOG.warning("%s is not delivered yet: %s", head.destination.stream, error)
            waiting.due = now + waiting.pause
            waiting.pause = min(2 * waiting.pause, LONGEST_PAUSE)
            with self._lock:
                self._waiting.append(waiting)
        else:
            chunk.path.unlink()

    def _run(self) -> None:
        while not self._stopping:
            self._changed.wait(self._seconds_left())
            self._changed.clear()
            self.flush()

    def _seconds_left(self) -> float | None:
        with self._lock:
            due = [each.due for each in self._collecting.values()]
            due += [each.due for each in self._waiting]
            return max((min(due) - self._clock()).total_seconds(), 0) if due else None
