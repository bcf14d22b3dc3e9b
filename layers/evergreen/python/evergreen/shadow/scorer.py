"""The shadow scorer: in the serving function, a challenger scores the rows of each request.

The challenger never changes an answer, and an answer waits for it no longer than its budget. So it
loads and predicts in its own thread, one request at a time. A result that is late is dropped. A
challenger that keeps failing gets no requests for a while.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from evergreen.bundle.predictor import Predictor
from evergreen.bundle.store import load_bundle
from evergreen.metrics.catalog import Metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.bundle.predictor import Predictions
    from evergreen.columns import Columns
    from evergreen.metrics.catalog import RecordMetric
    from evergreen.model_definition import ModelDefinition
    from evergreen.production import ShadowSlot
    from evergreen.storage import Objects

MAX_FAILURES_IN_A_ROW = 5
"""After this number of requests in a row without a result, the challenger rests."""
REST_SECONDS = 30.0
"""How long it rests: it gets no requests during this time."""

ScoringOutcome = Literal["scored", "loading", "late", "failed", "resting"]
"""The challenger's result for one request. ``loading`` happens once and is not an error; ``late``,
``failed`` and ``resting`` are errors of the challenger."""
ERRORS: frozenset[ScoringOutcome] = frozenset({"late", "failed", "resting"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShadowScore:
    """The challenger's result for one request."""

    slot: ShadowSlot
    outcome: ScoringOutcome
    predictions: Predictions | None = None
    milliseconds: float | None = None
    """Time of the prediction in milliseconds; None without a prediction."""


class _Attempt[T]:
    """Work in a daemon thread; the process does not wait for it at its end."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._done = threading.Event()
        self.result: T | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self.result = self._work()
        except Exception:  # noqa: BLE001 - no error of the challenger may reach the answer
            _log.exception("the challenger in the shadow failed")
        finally:
            self._done.set()

    def wait(self, seconds: float) -> bool:
        """Wait at most ``seconds``; return whether the work has ended."""
        return self._done.wait(seconds)


class ShadowScorer:
    """Scores requests with the challenger in the pointer's shadow slot, if there is one.

    Parameters
    ----------
    definition
        The model served, with the challenger's budget.
    storage
        Where the bundles are.
    record
        Records the number of rows that were scored, and that were not.
    trusted
        The deployment's ``trusted_types``, for what scikit-learn serves.
    seconds
        A monotonic clock, for tests.
    """

    def __init__(
        self,
        definition: ModelDefinition,
        storage: Objects,
        record: RecordMetric,
        *,
        trusted: frozenset[str] = frozenset(),
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trusted = trusted
        self._definition = definition
        self._storage = storage
        self._record = record
        self._seconds = seconds
        self._slot: ShadowSlot | None = None
        self._loading: _Attempt[Predictor] | None = None
        self._predicting: _Attempt[tuple[Predictions, float]] | None = None
        self._failures = 0
        self._rests_until = -math.inf

    def score(
        self,
        slot: ShadowSlot | None,
        served: ModelDefinition,
        columns: Columns,
        champion_ms: float,
    ) -> ShadowScore | None:
        """Score the rows of one request; never raises, and returns within the budget.

        Parameters
        ----------
        slot
            The pointer's shadow slot.
        served
            What the champion takes; a challenger that takes other features cannot score them.
        columns
            The rows, as the champion got them.
        champion_ms
            The champion's time for these rows, in milliseconds.

        Returns
        -------
        None if the slot is empty.
        """
        if slot != self._slot:
            self._slot, self._loading, self._failures = slot, None, 0
            self._rests_until = -math.inf
        if slot is None:
            return None
        score = self._attempt(slot, served, columns, champion_ms)
        rows = len(next(iter(columns.values())))
        self._record(Metric.SHADOW_PREDICTIONS, rows if score.outcome == "scored" else 0)
        self._record(Metric.SHADOW_ERRORS, rows if score.outcome in ERRORS else 0)
        return score

    def _attempt(
        self, slot: ShadowSlot, served: ModelDefinition, columns: Columns, champion_ms: float
    ) -> ShadowScore:
        if self._seconds() < self._rests_until:
            return ShadowScore(slot, "resting")
        shadow = self._definition.shadow
        budget = max(shadow.budget_ms, shadow.budget_ratio * champion_ms) / 1000
        until = time.monotonic() + budget
        score = self._predict(slot, served, columns, until)
        if score.outcome in ERRORS:
            self._failures += 1
            if self._failures >= MAX_FAILURES_IN_A_ROW:
                self._rests_until = self._seconds() + REST_SECONDS
                self._failures = 0
        elif score.outcome == "scored":
            self._failures = 0
        return score

    def _predict(
        self, slot: ShadowSlot, served: ModelDefinition, columns: Columns, until: float
    ) -> ShadowScore:
        if self._loading is None:
            self._loading = _Attempt(lambda: self._load(slot, served))
        if not self._loading.wait(_left(until)):
            return ShadowScore(slot, "loading")
        predictor = self._loading.result
        if predictor is None:
            self._loading = None  # the next request tries again, until the challenger rests
            return ShadowScore(slot, "failed")
        if self._predicting and not self._predicting.wait(0):
            return ShadowScore(slot, "late")  # it is still busy with an earlier request
        self._predicting = _Attempt(lambda: _timed(predictor, columns))
        if not self._predicting.wait(_left(until)):
            return ShadowScore(slot, "late")
        found = self._predicting.result
        if found is None or not _complete(found[0], columns):
            return ShadowScore(slot, "failed")
        return ShadowScore(slot, "scored", *found)

    def _load(self, slot: ShadowSlot, served: ModelDefinition) -> Predictor:
        bundle = load_bundle(self._storage, slot, self._trusted)
        bundle.check_fits(served)
        return Predictor(bundle)


def _timed(predictor: Predictor, columns: Columns) -> tuple[Predictions, float]:
    started = time.perf_counter()
    predictions = predictor.predict(columns)
    return predictions, (time.perf_counter() - started) * 1000


def _complete(predictions: Predictions, columns: Columns) -> bool:
    """Return whether there is one output for each row, and every number is finite."""
    outputs: list[Any] = [*predictions.outputs]
    numbers = [output for output in outputs if isinstance(output, float)]
    return len(outputs) == len(next(iter(columns.values()))) and all(map(math.isfinite, numbers))


def _left(until: float) -> float:
    return max(until - time.monotonic(), 0.0)
