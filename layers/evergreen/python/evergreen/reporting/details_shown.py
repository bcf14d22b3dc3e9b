"""What is shown of one model beyond its state, as `GET /status/{model}` answers it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from evergreen.clock import Moment
from evergreen.drift.distributions import Categories, Numbers
from evergreen.events import Severity, Trigger, Verdict
from evergreen.metrics.history import MetricHistory
from evergreen.release.decision_log import Decider, Decision
from evergreen.reporting.shown import StatusPart


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class MetricMeasurement(_Frozen):
    """The metric of one version on the labelled rows of one check's window."""

    measured_at: Moment
    model_version: str
    value: float
    interval_low: float | None
    interval_high: float | None
    at_promotion: float | None
    labelled_rows: int
    degraded: bool


class EpisodeSpan(_Frozen):
    """An episode of drift or degraded performance, from its first check to its last."""

    kind: Trigger
    model_version: str
    since: Moment
    ended_at: Moment | None
    """None while it goes on."""
    severity: Severity


class MovedFeature(_Frozen):
    """How far one feature moved, with its distributions in the reference and in the window."""

    feature_name: str
    method: str
    drifted: bool
    p_value_corrected: float | None
    threshold: float
    effect_size: float | None
    effect_threshold: float
    distributions: Numbers | Categories | None
    """None for a check that kept none."""


class CheckedFeatures(_Frozen):
    """The newest check that compared features, and those that moved most."""

    check_id: str
    checked_at: Moment
    verdict: Verdict
    rows: int
    tested: int
    """Number of features that could be tested, outputs included."""
    features: tuple[MovedFeature, ...]
    """The drifted ones first, then by how far they moved."""
    report_url: str | None
    """Where the full report can be read for an hour; None if the check wrote none."""


class DecidedComparison(_Frozen):
    """The numbers of champion and challenger on the same rows."""

    metric: str
    metric_champion: float | None
    metric_challenger: float
    probability_better: float | None
    probability_required: float | None
    probability_on_holdout: float | None
    interval: tuple[float, float] | None
    rows: int


class DecisionDetails(_Frozen):
    """One decision about a version, with its numbers and where more is to be read."""

    decision: Decision
    decided_at: Moment
    challenger: str
    champion: str | None
    reason: str
    comparison: DecidedComparison | None
    by: Decider
    execution: str | None
    """Name of the execution or alarm that decided."""
    run_url: str | None
    """The run in MLflow, where it has a user interface."""
    execution_url: str | None
    """The execution in the console of AWS."""
    report_url: str | None
    """The evaluation report, where it is in the data bucket; it can be read for an hour."""


class ModelDetails(_Frozen):
    """What is shown of one model beyond its state."""

    name: str
    more_is_better: bool
    generated_at: Moment
    measurements: tuple[MetricMeasurement, ...]
    """Oldest first."""
    episodes: tuple[EpisodeSpan, ...]
    """Oldest first, of the same period as the measurements."""
    checked: CheckedFeatures | None
    decisions: tuple[DecisionDetails, ...]
    """Newest first."""
    rows: MetricHistory
    inference_time: MetricHistory
    slowest_inference: MetricHistory
    requests: MetricHistory
    client_errors: MetricHistory
    server_errors: MetricHistory
    response_time: MetricHistory
    slowest_response: MetricHistory
    rows_shown: bool
    """Whether the newest rows of the request log may be asked for."""
    unread: tuple[StatusPart, ...] = ()
    """The parts that could not be read."""
