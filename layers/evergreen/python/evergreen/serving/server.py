"""Model server: follows the production pointer, predicts, logs, and only then responds."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from evergreen.bundle.predictor import Predictor
from evergreen.bundle.store import load_bundle
from evergreen.capture.request_log import RequestLogWriter, new_request_id
from evergreen.clock import Clock, utc_now
from evergreen.errors import (
    BundleError,
    EvergreenError,
    NoProductionModelError,
    PredictionError,
)
from evergreen.metrics.catalog import Metric
from evergreen.serving.data_quality import QualityCheck
from evergreen.serving.metric_groups import OutputGroups

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evergreen.bundle.predictor import Predictions
    from evergreen.capture.delivery import Delivery
    from evergreen.metrics.catalog import RecordMetric
    from evergreen.model_definition import ModelDefinition
    from evergreen.production import Production, ProductionPointer
    from evergreen.serving.data_quality import QualityCounts
    from evergreen.serving.requests import PredictionRequest
    from evergreen.shadow.scorer import ShadowScore, ShadowScorer
    from evergreen.storage import Storage

POINTER_POLL_SECONDS = 10.0
"""Time until a running function notices a promotion, at most."""
CHAMPION_ROLE = "champion"
SHADOW = "shadow"


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Champion:
    """The loaded model, ready to predict."""

    pointer: ProductionPointer
    predictor: Predictor
    quality: QualityCheck
    groups: OutputGroups


class ModelServer:
    """Keeps the model loaded that the production pointer names.

    Parameters
    ----------
    definition
        The model served.
    production, storage
        Where the pointer and the bundles are.
    record
        Receives the metrics of health, version, load times and load failures.
    poll_seconds
        How long a pointer that was read stays in use before it is read again.
    seconds
        A monotonic clock, for tests.
    """

    def __init__(
        self,
        definition: ModelDefinition,
        production: Production,
        storage: Storage,
        record: RecordMetric,
        *,
        poll_seconds: float = POINTER_POLL_SECONDS,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._definition = definition
        self._production = production
        self._storage = storage
        self._record = record
        self._poll_seconds = poll_seconds
        self._seconds = seconds
        self._champion: Champion | None = None
        self._read_at: float | None = None

    def champion(self) -> Champion:
        """Return the model to serve.

        If a promoted bundle does not load, a metric reports it and the current model continues to
        serve. It also continues while the pointer cannot be read.

        Raises
        ------
        NoProductionModelError
            If nothing was promoted yet.
        BundleError
            If the promoted bundle does not load and no model was loaded before.
        """
        try:
            champion = self._current()
        except EvergreenError:
            self._record(Metric.HEALTHY, 0)
            raise
        self._record(Metric.HEALTHY, 1)
        if champion.pointer.version.isdecimal():
            self._record(Metric.PRODUCTION_VERSION, int(champion.pointer.version))
        return champion

    def _current(self) -> Champion:
        now = self._seconds()
        fresh = self._read_at is not None and now - self._read_at < self._poll_seconds
        if self._champion and fresh:
            return self._champion
        try:
            champion = self._follow()
        except (EvergreenError, ClientError, BotoCoreError) as error:
            if isinstance(error, NoProductionModelError):
                self._champion = None
                raise
            self._record(Metric.MODEL_LOAD_FAILURES, 1)
            # Without the traceback, because it does not end in a new line: in a plain-text log the
            # invocation's metrics would join its last line and be lost.
            _log.error("the promoted model of %s did not load: %s", self._definition.name, error)
            if self._champion is None:
                raise BundleError(
                    "the promoted model did not load", where=self._definition.name
                ) from error
            champion = self._champion
        # One assignment, so that a request uses either the old model or the new one, never parts of
        # both.
        self._champion, self._read_at = champion, now
        return champion

    def _follow(self) -> Champion:
        name = self._definition.name
        pointer = self._production.read(name)
        if pointer is None:
            raise NoProductionModelError(
                f"no version of {name!r} is in production yet", fix="Train one and promote it."
            )
        if self._champion and pointer.sha256 == self._champion.pointer.sha256:
            return replace(self._champion, pointer=pointer)
        started = self._seconds()
        bundle = load_bundle(self._storage, pointer)
        bundle.check_fits(self._definition)
        champion = Champion(
            pointer=pointer,
            predictor=Predictor(bundle),
            quality=QualityCheck(self._definition, bundle.signature),
            groups=OutputGroups(bundle.signature),
        )
        self._record(Metric.MODEL_LOAD_TIME, (self._seconds() - started) * 1000)
        return champion


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a caller, independent of the protocol."""

    request_id: str
    champion: Champion
    predictions: Predictions

    @property
    def model_version(self) -> str:
        """Version of the model that predicted."""
        return self.champion.pointer.version


class PredictionService:
    """Answers prediction requests of one model.

    Parameters
    ----------
    definition
        The model served.
    server
        Keeps it loaded.
    delivery
        Receives one record for each row before the response is sent.
    shadow
        Scores the same rows with the challenger in the pointer's shadow slot.
    record
        Receives the metrics.
    clock, seconds
        The time of a request, and a monotonic clock, for tests.
    """

    def __init__(
        self,
        definition: ModelDefinition,
        server: ModelServer,
        delivery: Delivery,
        shadow: ShadowScorer,
        record: RecordMetric,
        *,
        clock: Clock = utc_now,
        seconds: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._definition = definition
        self._server = server
        self._request_log = RequestLogWriter(definition)
        self._delivery = delivery
        self._shadow = shadow
        self._record = record
        self._clock = clock
        self._seconds = seconds

    def predict(self, request: PredictionRequest, caller: Mapping[str, Any]) -> Answer:
        """Predict every row, write every row to the request log, then respond.

        Parameters
        ----------
        caller
            What the log stores about the caller: ``source_ip`` and ``user_agent``.

        Raises
        ------
        NoProductionModelError, BundleError
            If there is no model to predict with.
        PredictionError
            If an output or a confidence is not finite: no reader could use its record.
        LogDeliveryError
            If the rows could not be logged: there is no response without a record.
        """
        timestamp = self._clock()
        champion = self._server.champion()
        started = self._seconds()
        predictions = champion.predictor.predict(request.columns)
        milliseconds = (self._seconds() - started) * 1000
        _require_finite(predictions, champion.pointer.version)
        # Not the caller's id, because two requests may have the same one.
        answer = Answer(new_request_id(), champion, predictions)
        shadow = self._shadow.score(champion.pointer.shadow, request.columns, milliseconds)
        named = {} if request.id is None else {"id": request.id}
        about = {**request.metadata, **named, **caller, "batch_size": request.size}

        def lines(
            role: str, version: str, answered: Predictions, took: float, **more: object
        ) -> bytes:
            return self._request_log.lines(
                timestamp=timestamp,
                request_id=answer.request_id,
                model_version=version,
                written=request.written,
                outputs=answered.outputs,
                confidences=answered.confidences,
                metadata={**about, "role": role, "inference_ms": round(took, 3), **more},
            )

        logged = lines(
            CHAMPION_ROLE, answer.model_version, predictions, milliseconds, **_shadow_note(shadow)
        )
        if shadow and shadow.predictions and shadow.milliseconds is not None:
            logged += lines(SHADOW, shadow.slot.version, shadow.predictions, shadow.milliseconds)
        report = self._delivery.deliver(logged)
        if report.spilled:
            self._record(Metric.LOG_SPILLS, report.spilled)
        self._count(predictions, champion.quality.count(request.columns), milliseconds)
        for group, number in champion.groups.count(predictions.outputs).items():
            self._record(Metric.OUTPUTS, number, group)
        return answer

    def _count(
        self, predictions: Predictions, findings: QualityCounts, milliseconds: float
    ) -> None:
        rows = len(predictions.outputs)
        self._record(Metric.PREDICTIONS, rows)
        self._record(Metric.BATCH_SIZE, rows)
        self._record(Metric.INFERENCE_TIME, milliseconds)
        self._record(Metric.MISSING_VALUES, findings.missing)
        self._record(Metric.OUT_OF_RANGE, findings.out_of_range)
        self._record(Metric.UNSEEN_CATEGORIES, findings.unseen_categories)
        if predictions.confidences is not None:
            self._record(Metric.CONFIDENCE, sum(predictions.confidences) / rows)


def _require_finite(predictions: Predictions, version: str) -> None:
    for values in (predictions.outputs, predictions.confidences or ()):
        for row, value in enumerate(values):
            if isinstance(value, float) and not math.isfinite(value):
                raise PredictionError(
                    f"row {row} got {value}, which is no finite number", where=version
                )


def _shadow_note(score: ShadowScore | None) -> dict[str, object]:
    """Return the log field of the challenger in the shadow slot: its version and its outcome."""
    if score is None:
        return {}
    return {"shadow": {"version": score.slot.version, "outcome": score.outcome}}
