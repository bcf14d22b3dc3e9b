"""Records of a drift check: one for each test, for each segment, and for the decision."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from evergreen.clock import Moment, to_text
from evergreen.events import DriftedSegment, Ground, Trigger, Verdict
from evergreen.model_definition import more_is_better

DecisionOutcome = Literal[
    "insufficient_data",
    "nothing_moved",
    "trigger_not_enabled",
    "not_confirmed",
    "retraining_runs",
    "cooldown",
    "backoff",
    "too_few_labels",
    "budget_spent",
    "budget_reserved",
    "retraining_starts",
]
"""The reason why a check starts a retraining or not: the rows of the table in
``docs/retraining.md``."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class CheckContext(_Frozen):
    """The fields that all records of one check share."""

    timestamp: Moment
    """When the check was made."""
    reference_dataset_id: str
    """The data set of the champion: what the window is compared with."""
    subject_dataset_id: str
    """The id of the window; the same rows always have the same id."""
    check_id: str
    """The check; all its records share it."""
    model: str
    """Name of the model."""
    model_version: str
    """The version whose answers the window holds."""
    window_start: Moment
    """Start of the window."""
    window_end: Moment
    """End of the window, which is outside of it."""
    asked_start: Moment | None = None
    """The start that was asked for; None if it is ``window_start``. A check looks further back if
    its window has too few rows."""
    rows: int
    """Rows in the window."""

    @property
    def asked_length(self) -> timedelta:
        """Length of the window that was asked for: that of its schedule."""
        return self.window_end - (self.asked_start or self.window_start)


class UnivariateTest(_Frozen):
    """One test of one feature."""

    kind: Literal["univariate"] = "univariate"
    """Which kind of record this is."""
    feature_name: str
    """The feature; ``prediction`` and ``confidence`` are tested as features too."""
    method: str
    """The statistical test."""
    drifted: bool
    """Whether the change is both significant and large enough."""
    p_value: float | None
    """Uncorrected; None if nothing could be tested (see ``reason``)."""
    p_value_corrected: float | None
    """Corrected by Holm's method over all features and methods of this check, and compared with
    ``threshold``."""
    threshold: float
    """What ``p_value_corrected`` has to be below."""
    effect_size: float | None
    """Size of the change, in the unit of the method; None if nothing could be tested."""
    effect_threshold: float
    """What ``effect_size`` has to reach."""
    reason: str | None = None
    """Why there is no p-value, or why a change does not count."""


class FeatureImportance(_Frozen):
    """How much one feature helped to tell window from reference, beyond chance; all sum to 1."""

    feature_name: str
    """The feature."""
    importance: float
    """Its share."""


class MultivariateTest(_Frozen):
    """The multivariate test: can a classifier tell the window's rows from the reference's?"""

    kind: Literal["multivariate"] = "multivariate"
    """Which kind of record this is."""
    method: str = "domain_classifier"
    """The statistical test."""
    drifted: bool
    """Whether the classifier tells the sides apart better than ``threshold``."""
    model_accuracy: float | None
    """Accuracy of the classifier on rows that it has not learnt from."""
    threshold: float | None
    """The accuracy that chance, or too small a change, does not reach."""
    auc: float | None
    """Area under the classifier's ROC curve, on the same rows."""
    p_value: float | None
    """Probability that chance alone gives this accuracy."""
    top_features: tuple[FeatureImportance, ...] = ()
    """The features that gave the window away."""
    rows_per_side: int = 0
    """Rows that were taken from each side."""
    reason: str | None = None
    """Why there is no result."""


class PerformanceTest(_Frozen):
    """The performance test: the metric on the window's labelled rows against the holdout's."""

    kind: Literal["performance"] = "performance"
    """Which kind of record this is."""
    metric: str
    """The metric that decides the model's evaluations."""
    drifted: bool
    """Whether the metric is surely worse than at promotion."""
    value: float | None
    """The metric on the window's labelled rows."""
    interval_low: float | None
    """Lower end of the interval; see ``interval_high``."""
    interval_high: float | None
    """Interval for the metric at promotion if nothing has changed. It misses with probability
    ``alpha`` on either side, and includes the uncertainty of the window and of the holdout."""
    threshold: float | None
    """The metric at promotion."""
    labelled_rows: int
    """Rows of the window that have ground truth and can be scored."""
    unscored_rows: int = 0
    """Rows with ground truth that were logged without the probabilities that the metric needs."""
    holdout_rows: int = 0
    """Rows of the holdout at promotion."""
    p_value: float | None = None
    """Probability that the metric is this much worse by chance; compared with ``alpha``."""
    alpha: float | None = None
    """The probability of a false alarm that is accepted."""
    reason: str | None = None
    """Why there is no result."""
    rising: bool | None = Field(default=None, exclude=True)
    """Whether a larger value is a better one, where the metric's name does not say."""

    @property
    def more_is_better(self) -> bool:
        """Whether a larger value of the metric is a better one."""
        return more_is_better(self.metric) if self.rising is None else self.rising


class PerformanceEstimate(_Frozen):
    """The metric that the window's ground truth would probably give, estimated without it."""

    kind: Literal["performance_estimate"] = "performance_estimate"
    """Which kind of record this is."""
    metric: str
    """The metric that decides the model's evaluations."""
    worse: bool = False
    """Whether the estimate is surely worse than at promotion. It is a finding of the check only if
    ``enabled`` and if ground truth gave no verdict."""
    enabled: bool = False
    """Whether ``[retraining] on`` has ``estimated_performance``."""
    alpha: float | None = None
    """The probability of calling the metric worse by chance; None without an estimate."""
    value: float | None = None
    """The estimate; None if there is none (see ``reason``)."""
    interval_low: float | None = None
    """Lower end of the interval; see ``interval_high``."""
    interval_high: float | None = None
    """Interval in which the metric would lie with a probability of 95 % once the ground truth is
    known, if rows that look alike are right as often as on the holdout."""
    threshold: float | None = None
    """The metric at promotion."""
    rows: int
    """Rows of the window, sampled if there are many."""
    holdout_rows: int = 0
    """Rows of the holdout that it was learnt on."""
    reason: str | None = None
    """Why there is no estimate."""


class SegmentFinding(DriftedSegment):
    """A segment of the traffic that explains much of what the check found."""

    kind: Literal["segment"] = "segment"
    """Which kind of record this is."""


class DriftDecision(_Frozen):
    """The conclusion of a check, and whether it starts a retraining."""

    kind: Literal["decision"] = "decision"
    """Which kind of record this is."""
    verdict: Verdict
    """What the check found."""
    outcome: DecisionOutcome | None = None
    """The row of the policy's table that decided; None in logs that predate this field."""
    start_retraining: bool
    """Whether the check starts a retraining."""
    triggers: tuple[Trigger, ...] = ()
    """What was found that may start one."""
    drifted_features: tuple[str, ...] = ()
    """The features that drifted."""
    because: tuple[Ground, ...] = ()
    """The grounds on which the retraining starts; empty if none does."""
    budget_left: float | None = None
    """Retrainings that may still be started after this check; None without a budget."""
    goal: float | None = None
    """The metric to regain after it has fallen; see :mod:`evergreen.drift.policy.goal`."""
    goal_version: str | None = None
    """The version whose metric fell."""
    goal_since: datetime | None = None
    """Start of the window in which the fall was found."""
    goal_tried: datetime | None = None
    """When a challenger was last trained to regain it, before this check."""
    goal_against: str | None = None
    """The version that was champion at that time."""
    lost: dict[Ground, int] = Field(default_factory=dict)
    """How many retrainings on each ground did not replace this version; see
    :mod:`evergreen.drift.policy.memory`."""
    lost_at: datetime | None = None
    """When the last of them was started."""
    lost_features: tuple[str, ...] = ()
    """The features that had drifted when they were started."""
    reason: str
    """The decision in words."""


DriftTest = (
    UnivariateTest | MultivariateTest | PerformanceTest | PerformanceEstimate | SegmentFinding
)


class UnivariateRecord(CheckContext, UnivariateTest):
    """A line of the drift log."""


class MultivariateRecord(CheckContext, MultivariateTest):
    """A line of the drift log."""


class PerformanceRecord(CheckContext, PerformanceTest):
    """A line of the drift log."""


class PerformanceEstimateRecord(CheckContext, PerformanceEstimate):
    """A line of the drift log."""


class SegmentRecord(CheckContext, SegmentFinding):
    """A line of the drift log."""


class DriftDecisionRecord(CheckContext, DriftDecision):
    """The last line of a check in the drift log."""


DriftRecord = Annotated[
    UnivariateRecord
    | MultivariateRecord
    | PerformanceRecord
    | PerformanceEstimateRecord
    | SegmentRecord
    | DriftDecisionRecord,
    Field(discriminator="kind"),
]
DRIFT_RECORD: TypeAdapter[DriftRecord] = TypeAdapter(DriftRecord)
"""Reads a record of any kind."""


def window_id(model: str, version: str, start: datetime, end: datetime) -> str:
    """Return the id of a window; the same rows always have the same id."""
    text = "\n".join([model, version, to_text(start), to_text(end)])
    return f"win-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def to_record(context: CheckContext, result: DriftTest | DriftDecision) -> DriftRecord:
    """Return a test or decision as a record with the fields that its check shares."""
    return DRIFT_RECORD.validate_python({**context.model_dump(), **result.model_dump()})
