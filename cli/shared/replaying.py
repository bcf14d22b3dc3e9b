"""Replayed traffic: rows of a data set go to the API in time order, their labels after a delay."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from cli.shared.traffic import ApiError, split_form
from evergreen.datasets.schema import TIMESTAMP
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cli.shared.traffic import Api
    from evergreen.model_definition import ModelDefinition

_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between the tries of a request that the API throttles."""
_COLUMN = re.compile(r"^\[(\d+)\]")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Pace:
    """When rows and labels are sent, in the time of the data.

    Parameters
    ----------
    speed
        Seconds of the data that pass in a second; None sends as fast as the API answers.
    label_delay
        By how much later than the newest row of a request its labels are sent.
    batch_rows
        Rows of one request, at most.
    """

    speed: float | None = None
    label_delay: timedelta = timedelta(days=1)
    batch_rows: int = 500


class SentRows(NamedTuple):
    """One request: the rows from ``first`` up to, not including, ``last`` of the data."""

    first: int
    last: int
    request_id: str | None
    """None if the API refused every row."""
    version: str | None
    refused: tuple[int, ...] = ()
    """Rows that the API refused."""
    why: str | None = None
    """Why it refused the first of them."""

    @property
    def answered(self) -> list[int]:
        """The rows that were answered, in the order of the request."""
        refused = frozenset(self.refused)
        return [row for row in range(self.first, self.last) if row not in refused]


class SentLabels(NamedTuple):
    """The labels of the oldest request that had none yet."""

    labels: int
    refused: int = 0
    why: str | None = None


@dataclass(slots=True)
class ReplayProgress:
    """How far a replay came."""

    next_row: int = 0
    """The first row that was not sent yet."""
    rows: int = 0
    """Rows that were answered."""
    labels: int = 0
    refused_rows: int = 0
    refused_labels: int = 0
    refusals: list[str] = field(default_factory=list)
    """Why the API refused the first row and the first label that it refused."""
    versions: dict[str, None] = field(default_factory=dict)
    """The model versions that answered, in order of their first answer."""
    waiting: deque[SentRows] = field(default_factory=deque)
    """Requests whose labels were not sent yet, oldest first."""

    def take(self, step: SentRows | SentLabels) -> None:
        """Count a step that was done."""
        if isinstance(step, SentLabels):
            self.waiting.popleft()
            self.labels += step.labels
            if step.why and not self.refused_labels:
                self.refusals.append(step.why)
            self.refused_labels += step.refused
            return
        self.next_row = step.last
        self.rows += len(step.answered)
        if step.why and not self.refused_rows:
            self.refusals.append(step.why)
        self.refused_rows += len(step.refused)
        if step.request_id is not None:
            self.waiting.append(step)
        if step.version is not None:
            self.versions[step.version] = None


def replay(
    api: Api,
    definition: ModelDefinition,
    data: pd.DataFrame,
    *,
    pace: Pace,
    metadata: Mapping[str, Any] | None = None,
    progress: ReplayProgress | None = None,
    record: Callable[[SentRows | SentLabels], None] = lambda _: None,
    on_progress: Callable[[ReplayProgress], None] = lambda _: None,
) -> ReplayProgress:
    """Send a data set as live traffic in time order, and the labels after a delay.

    A row that the API refuses is left out and counted, and so is a label. Ctrl-C ends a replay
    between two requests: what was sent was recorded too.

    Parameters
    ----------
    data
        One row per prediction, oldest first: the features, the label in the target's column, and
        ``timestamp``, the time of the row.
    pace
        When what is sent.
    metadata
        A note for the request log.
    progress
        What an earlier replay of the same data did; this one goes on from there.
    record
        Called with each step, after it was done.
    on_progress
        Called after each step, and before the wait for the next one.

    Raises
    ------
    ApiError
        If the API refuses a request as a whole. What was sent before is not undone.
    """
    done = ReplayProgress() if progress is None else progress
    player = _Player(api, definition, data, dict(metadata or {}))
    times, delay = player.times, pace.label_delay.total_seconds()
    clock = _DataClock(times[max(done.next_row - 1, 0)] if len(times) else 0.0, pace.speed)
    while done.waiting or done.next_row < len(times):
        on_progress(done)
        row_due = times[done.next_row] if done.next_row < len(times) else float("inf")
        label_due = times[done.waiting[0].last - 1] + delay if done.waiting else float("inf")
        clock.wait_until(min(row_due, label_due))
        with uninterrupted():
            step: SentRows | SentLabels
            if label_due <= row_due:
                step = player.send_labels(done.waiting[0])
            else:
                last = done.next_row + 1
                end = min(done.next_row + pace.batch_rows, len(times))
                while last < end and times[last] <= clock.now():
                    last += 1
                step = player.send_rows(done.next_row, last)
            record(step)
        done.take(step)
    on_progress(done)
    return done


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the block has ended; a second one ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only
        return
    held: list[int] = []

    def hold(number: int, _frame: object) -> None:
        if held:
            raise KeyboardInterrupt
        held.append(number)

    before = {name: signal.signal(name, hold) for name in _SIGNALS}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
    if held:
        raise KeyboardInterrupt


class _DataClock:
    """The time in the data, seconds since 1970: it passes ``speed`` times as fast as ours."""

    def __init__(self, start: float, speed: float | None) -> None:
        self._start, self._speed = start, speed
        self._began = time.monotonic()

    def now(self) -> float:
        if self._speed is None:
            return float("inf")
        return self._start + (time.monotonic() - self._began) * self._speed

    def wait_until(self, moment: float) -> None:
        if self._speed is not None:
            time.sleep(max(0.0, (moment - self.now()) / self._speed))


class _Player:
    def __init__(
        self, api: Api, definition: ModelDefinition, data: pd.DataFrame, metadata: dict[str, Any]
    ) -> None:
        self._api, self._definition, self._data = api, definition, data
        self._metadata = metadata
        moments = pd.DatetimeIndex(data[TIMESTAMP]).as_unit("us").asi8
        self.times: list[float] = (moments / 1e6).tolist()

    def send_rows(self, first: int, last: int) -> SentRows:
        kept = list(range(first, last))
        refused: list[int] = []
        reason = None
        while kept:
            form = split_form(self._definition, self._data.iloc[kept])
            body = {"dataframe_split": form, "metadata": self._metadata}
            try:
                answer = _patiently(lambda: self._api.predict(self._definition.name, body))  # noqa: B023 - called here
            except ApiError as error:
                faults = _faulty_rows(error)
                number = min(faults)
                reason = reason or f"row {kept[number] + 1}: {_named(faults[number], form)}"
                refused += [kept[each] for each in faults]
                kept = [row for place, row in enumerate(kept) if place not in faults]
                continue
            sent = answer["request_id"], answer["model_version"]
            return SentRows(first, last, *sent, tuple(sorted(refused)), reason)
        return SentRows(first, last, None, None, tuple(sorted(refused)), reason)

    def send_labels(self, sent: SentRows) -> SentLabels:
        labels = self._data[self._definition.target]
        rows = sent.answered
        items = [
            {"request_id": sent.request_id, "row": number, "label": label}
            for number, label in enumerate(labels.iloc[rows].tolist())
        ]
        taken, reason = items, None
        while taken:
            try:
                _patiently(lambda: self._api.send_ground_truth(self._definition.name, taken))  # noqa: B023 - called here
                break
            except ApiError as error:
                faults = _faulty_rows(error)
                number = min(faults)
                row = rows[int(taken[number]["row"])] + 1
                reason = reason or f"the label of row {row}: {faults[number]}"
                taken = [item for place, item in enumerate(taken) if place not in faults]
        return SentLabels(len(taken), len(items) - len(taken), reason)


def _faulty_rows(error: ApiError) -> dict[int, str]:
    """Return the rows without which a request may be taken; raise the error if there are none."""
    if error.status == 422 and error.faulty_rows:
        return error.faulty_rows
    raise error


def _named(fault: str, form: dict[str, Any]) -> str:
    """Write the name of a column instead of its number, as in ``[1]: must not be null``."""
    return _COLUMN.sub(lambda found: str(form["columns"][int(found[1])]), fault, count=1)


def _patiently[T](call: Callable[[], T]) -> T:
    """Call the API, and again after a pause while it throttles."""
    for pause in _PAUSES:
        try:
            return call()
        except ApiError as error:
            if error.status != 429:
                raise
        time.sleep(pause)
    return call()


def parse_speed(text: str) -> float | None:
    """Read a speed: a positive number, or ``max`` for None.

    Raises
    ------
    EvergreenError
        If it is neither.
    """
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if 0 < speed < float("inf"):
        return speed
    raise EvergreenError(
        f"{text!r} is no speed",
        where="--speed",
        fix="Write max, or how many seconds of the file pass in a second: 3600 plays an hour.",
    )
