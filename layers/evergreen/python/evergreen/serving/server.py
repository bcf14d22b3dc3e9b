"""Prediction service: predicts, logs every row, and only then responds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.bundle.predictor import require_finite
from evergreen.capture.request_log import new_request_id
from evergreen.clock import Clock, utc_now
from evergreen.metrics.catalog import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evergreen.bundle.predictor import Predictions
    from evergreen.capture.delivery import LineDelivery
    from evergreen.metrics.catalog import RecordMetric
    from evergreen.serving.champion import Champion
    from evergreen.serving.data_quality import QualityCounts
    from evergreen.serving.requests import PredictionRequest
    from evergreen.shadow.scorer import ShadowScore, ShadowScorer

CHAMPION_ROLE = "champion"
SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a caller, independent of the protocol."""

    request_id: str
    champion: Champion
    predictions: Predictions
    probabilities: list[list[float]] | None = None
    """The probability of every class, row by row, if the caller asked and the model gives it."""
    warnings: tuple[str, ...] = ()
    """What the caller should know about the rows, in words."""

    @property
    def intervals(self) -> list[list[float]] | None:
        """The lower and upper end of each row's prediction interval, if the version has one."""
        interval = self.champion.predictor.signature.interval
        outputs: Any = self.predictions.outputs  # numbers: only regression has an interval
        return None if interval is None else interval.around(outputs)

    @property
    def model_version(self) -> str:
        """Version of the model that predicted."""
        return self.champion.pointer.version


class PredictionService:
    """Answers prediction requests of one model.

    Parameters
    ----------
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
        delivery: LineDelivery,
        shadow: ShadowScorer,
        record: RecordMetric,
        *,
        clock: Clock = utc_now,
        seconds: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._delivery = delivery
        self._shadow = shadow
        self._record = record
        self._clock = clock
        self._seconds = seconds

    def predict(
        self, champion: Champion, request: PredictionRequest, caller: Mapping[str, Any]
    ) -> Answer:
        """Predict every row, write every row to the request log, then respond.

        Parameters
        ----------
        champion
            The model that predicts, whose reader read the request.
        request
            The rows.
        caller
            What the log stores about the caller: ``source_ip`` and ``user_agent``.

        Raises
        ------
        PredictionError
            If an output or a confidence is not finite: no reader could use its record.
        LogDeliveryError
            If the rows could not be logged: there is no response without a record.
        """
        timestamp = self._clock()
        started = self._seconds()
        predictions = champion.predictor.predict(request.columns)
        milliseconds = (self._seconds() - started) * 1000
        require_finite(predictions, champion.pointer.version)
        found = champion.quality.count(request.columns)
        answer = Answer(
            new_request_id(),  # not the caller's id, because two requests may have the same one
            champion,
            predictions,
            _probabilities(predictions) if request.probabilities else None,
            (*request.warnings, *champion.quality.explain(request.columns, found)),
        )
        shadow = self._shadow.score(
            champion.pointer.shadow, champion.definition, request.columns, milliseconds
        )
        named = {} if request.id is None else {"id": request.id}
        redacted = champion.definition.request_log.redact_metadata
        sent = {**request.metadata, **named}
        kept = {key: value for key, value in sent.items() if key not in redacted}
        about = {**kept, **caller, "batch_size": request.size}
        in_log = champion.definition.evaluation.takes_probabilities

        def lines(
            role: str, version: str, answered: Predictions, took: float, **more: object
        ) -> bytes:
            return champion.log.lines(
                timestamp=timestamp,
                request_id=answer.request_id,
                model_version=version,
                written=request.written,
                rows=request.rows,
                outputs=answered.outputs,
                confidences=answered.confidences,
                probabilities=_logged_shares(answered) if in_log else None,
                metadata={**about, "role": role, "inference_ms": round(took, 3), **more},
            )

        logged = lines(
            CHAMPION_ROLE, answer.model_version, predictions, milliseconds, **_shadow_note(shadow)
        )
        if shadow and shadow.predictions and shadow.milliseconds is not None:
            logged += lines(SHADOW, shadow.slot.version, shadow.predictions, shadow.milliseconds)
        if spilled := self._delivery.deliver(logged):
            self._record(Metric.LOG_SPILLS, spilled)
        self._count(predictions, found, milliseconds)
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


def _logged_shares(predictions: Predictions) -> list[dict[str, float]] | None:
    # Of two classes the confidence says as much.
    return predictions.by_class() if len(predictions.classes) > 2 else None


def _probabilities(predictions: Predictions) -> list[list[float]] | None:
    found = predictions.probabilities
    return None if found is None else np.asarray(found).tolist()


def _shadow_note(score: ShadowScore | None) -> dict[str, object]:
    """Return the log field of the challenger in the shadow slot: its version and its outcome."""
    if score is None:
        return {}
    return {"shadow": {"version": score.slot.version, "outcome": score.outcome}}
