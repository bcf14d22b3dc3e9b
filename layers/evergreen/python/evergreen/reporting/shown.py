"""What the status of a deployment consists of, as `GET /status` answers it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

from evergreen.clock import Moment
from evergreen.events import Severity, Trigger, Verdict
from evergreen.metrics.history import MetricHistory
from evergreen.release.decision_log import Decider, Decision
from evergreen.release.executions import RunningRetraining
from evergreen.shadow.look import ShadowProgress

StatusPart = Literal[
    "production", "checks", "episodes", "decisions", "shadow", "retraining", "metrics"
]
"""The parts of a model's status, each read for itself."""


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
    decisions: tuple[DecisionSummary, ...]
    """Newest first."""
    shadow: ShadowProgress | None = None
    """The challenger that scores the same rows, if there is one."""
    retraining: RunningRetraining | None = None
    """The retraining that runs, and whether it waits for the registry."""
    newest_metric_at: Moment | None = None
    """When the newest metric was written, to five minutes, an hour or a day, as it is older."""
    unread: tuple[StatusPart, ...] = ()
    """The parts that could not be read. What they would say is missing or empty here."""


class Status(_Frozen):
    """The status of a deployment."""

    stage: str
    generated_at: Moment
    models: tuple[ModelStatus, ...]
