"""The status of each model, read from the logs and metrics of the loop, for the status page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, field_validator

from evergreen.clock import Moment
from evergreen.drift.episodes.state import read_episodes
from evergreen.drift.log import DriftDecisionRecord, DriftRecord, PerformanceRecord, latest_checks
from evergreen.events import Severity, Trigger, Verdict
from evergreen.metrics.catalog import BY_METRIC, Metric
from evergreen.metrics.cloudwatch import Series, SeriesStatistic
from evergreen.metrics.history import MetricHistory, Span, read_metric_history
from evergreen.release.decision_log import (
    Decider,
    Decision,
    decider,
    latest_decision_records,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_cloudwatch import CloudWatchClient

    from evergreen.clock import Clock
    from evergreen.model_definition import ModelDefinition
    from evergreen.production import Production, ProductionPointer
    from evergreen.release.decision_log import DecisionRecord
    from evergreen.storage import Storage

CHECKS = 8
"""The number of newest drift checks that are read."""
CHECK_DAYS = 7
"""How many days back drift checks are searched."""
DECISIONS = 5
"""The number of newest decisions that are shown."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class _View(_Frozen):
    """Shows some fields of another record."""

    model_config = ConfigDict(from_attributes=True)


class InProduction(_Frozen):
    """The version in production, and since when it serves."""

    version: str
    promoted_at: Moment
    metric: float | None
    """On the holdout at promotion."""
    previous: str | None


class LiveMetric(_Frozen):
    """The metric of the version in production on labelled traffic, from its newest check."""

    measured_at: Moment
    value: float | None
    interval_low: float | None
    interval_high: float | None
    labelled_rows: int
    degraded: bool
    reason: str | None
    """Why there is no value."""


class DriftVerdict(_Frozen):
    """The verdict of one drift check."""

    check_id: str
    checked_at: Moment
    model_version: str
    verdict: Verdict
    rows: int
    window_start: Moment
    window_end: Moment
    drifted_features: tuple[str, ...]
    start_retraining: bool
    reason: str


class OpenEpisode(_Frozen):
    """An open episode of drift or degraded performance."""

    kind: Trigger
    since: Moment
    severity: Severity
    model_version: str


class ComparisonSummary(_View):
    """The comparison behind a decision, as far as it is shown."""

    metric: str
    metric_champion: float | None
    metric_challenger: float
    probability_better: float | None


class DecisionSummary(_View):
    """The parts of a decision record that the page shows."""

    decision: Decision
    decided_at: Moment
    challenger: str
    champion: str | None
    reason: str
    comparison: ComparisonSummary | None
    execution: str | None
    """Name of the execution or alarm that decided, or ``doctor``; None where a person did."""
    by: Decider

    @field_validator("execution", mode="before")
    @classmethod
    def _name_alone(cls, arn: str | None) -> str | None:
        # The ARN has the AWS account's number, which callers of the API need not know.
        return arn.rpartition(":")[2] if arn else None


class ModelStatus(_Frozen):
    """The status of one model."""

    name: str
    task: str
    target: str
    metric: str
    production: InProduction | None
    live: LiveMetric | None
    checks: tuple[DriftVerdict, ...]
    """Newest first."""
    episodes: tuple[OpenEpisode, ...]
    """The open episodes of the version in production."""
    traffic: MetricHistory
    inference_time: MetricHistory
    slowest_inference: MetricHistory
    decisions: tuple[DecisionSummary, ...]
    """Newest first."""


class Status(_Frozen):
    """The status of a deployment."""

    stage: str
    generated_at: Moment
    models: tuple[ModelStatus, ...]


@dataclass(frozen=True, slots=True)
class StatusReader:
    """Reads a deployment's status; it changes nothing.

    Parameters
    ----------
    stage
        The deployment stage.
    definitions
        The models of the deployment by name.
    production, storage, cloudwatch
        Give the pointers, the logs and the metrics.
    clock
        Gives the end of the period that is read.
    """

    stage: str
    definitions: Mapping[str, ModelDefinition]
    production: Production
    storage: Storage
    cloudwatch: CloudWatchClient
    clock: Clock

    def read(self, span: Span) -> Status:
        """Return the status now, with metrics over ``span``."""
        now = self.clock()
        wanted = [each for name in self.definitions for each in _wanted(name)]
        histories = iter(read_metric_history(self.cloudwatch, wanted, span, now))
        models = tuple(
            self._model(definition, now, _Charts(next(histories), next(histories), next(histories)))
            for definition in self.definitions.values()
        )
        return Status(stage=self.stage, generated_at=now, models=models)

    def _model(self, definition: ModelDefinition, now: datetime, charts: _Charts) -> ModelStatus:
        name = definition.name
        pointer = self.production.read_last_valid(name)
        checks = latest_checks(self.storage, name, now, count=CHECKS, days=CHECK_DAYS)
        lines = [line for check in checks for line in check]
        return ModelStatus(
            name=name,
            task=definition.task,
            target=definition.target,
            metric=definition.metric,
            production=_in_production(pointer),
            live=_live(lines, pointer),
            checks=tuple(_verdict(line) for line in lines if isinstance(line, DriftDecisionRecord)),
            episodes=self._episodes(name, pointer),
            traffic=charts.traffic,
            inference_time=charts.inference_time,
            slowest_inference=charts.slowest_inference,
            decisions=self._decisions(name),
        )

    def _episodes(self, name: str, pointer: ProductionPointer | None) -> tuple[OpenEpisode, ...]:
        # An episode of an older version stays open until the first check of the new version.
        return tuple(
            OpenEpisode.model_validate(each.model_dump())
            for each in read_episodes(self.storage, name).open
            if pointer is not None and each.model_version == pointer.version
        )

    def _decisions(self, name: str) -> tuple[DecisionSummary, ...]:
        records = latest_decision_records(self.storage, name, DECISIONS)
        return tuple(_decided(record) for record in records)


def _decided(record: DecisionRecord) -> DecisionSummary:
    about = record.model_dump(exclude={"comparison"}) | {"comparison": record.comparison}
    return DecisionSummary.model_validate(about | {"by": decider(record.execution)})


@dataclass(frozen=True, slots=True)
class _Charts:
    """The series of one model, in the order of the query."""

    traffic: MetricHistory
    inference_time: MetricHistory
    slowest_inference: MetricHistory


def _wanted(model: str) -> tuple[SeriesStatistic, SeriesStatistic, SeriesStatistic]:
    traffic = Series(BY_METRIC[Metric.PREDICTIONS], (model,))
    inference_time = Series(BY_METRIC[Metric.INFERENCE_TIME], (model,))
    return (
        SeriesStatistic(traffic, "Sum"),
        SeriesStatistic(inference_time, "Average"),
        SeriesStatistic(inference_time, "Maximum"),
    )


def _in_production(pointer: ProductionPointer | None) -> InProduction | None:
    if pointer is None:
        return None
    return InProduction(
        version=pointer.version,
        promoted_at=pointer.promoted_at,
        metric=pointer.metric,
        previous=pointer.previous,
    )


def _live(lines: Sequence[DriftRecord], pointer: ProductionPointer | None) -> LiveMetric | None:
    """Return the newest measurement of the version in production, or the reason for none."""
    measured = [
        line
        for line in lines
        if isinstance(line, PerformanceRecord)
        and pointer is not None
        and line.model_version == pointer.version
    ]
    if not measured:
        return None
    newest = next((line for line in measured if line.value is not None), measured[0])
    return LiveMetric(
        measured_at=newest.timestamp,
        value=newest.value,
        interval_low=newest.interval_low,
        interval_high=newest.interval_high,
        labelled_rows=newest.labelled_rows,
        degraded=newest.drifted,
        reason=newest.reason,
    )


def _verdict(line: DriftDecisionRecord) -> DriftVerdict:
    return DriftVerdict(
        check_id=line.check_id,
        checked_at=line.timestamp,
        model_version=line.model_version,
        verdict=line.verdict,
        rows=line.rows,
        window_start=line.window_start,
        window_end=line.window_end,
        drifted_features=line.drifted_features,
        start_retraining=line.start_retraining,
        reason=line.reason,
    )
