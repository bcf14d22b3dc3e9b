"""The events of decisions about a version, sent by whoever records the decision."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from evergreen.clock import Moment
from evergreen.events.base import Event, EventPart, EventType


class JudgedSegment(EventPart):
    """How both models did on one protected segment of the holdout."""

    feature: str
    """Name of the feature."""
    segment: str
    """Its value, or for a number the range."""
    rows: int
    """Rows of the holdout in the segment."""
    champion: float
    """Metric of the champion there."""
    challenger: float
    """Metric of the challenger there."""
    probability_worse: float | None = None
    """Probability that the challenger is worse by more than is allowed; null: too few rows."""
    refused: bool = False
    """Whether this segment refuses the challenger."""


class PriceOfAge(EventPart):
    """What models of one age lost to fresh ones, at earlier origins within the training rows."""

    rows: int
    """How many of the newest rows the older models had not learnt."""
    origins: int
    """Origins at which both were compared."""
    share_worse: float
    """Share of the origins at which the older model was worse."""
    loss: float
    """By how much the older models were worse, in the unit of the metric."""
    error: float
    """Standard error of ``loss``."""
    probability_worse: float
    """Share of the bootstrap resamples in which the older models were worse."""


class DecisionEvent(Event):
    """Base of the events of a decision.

    The numbers of the comparison are null where nothing was compared: after a rollback, and for a
    version that was put aside before it was judged.
    """

    challenger: str
    """Version that was promoted, rejected or gone back to."""
    champion: str | None
    """Version it was judged against, or whose place it took."""
    decision: Literal["promote", "reject", "roll_back"]
    """What was decided."""
    decided_at: Moment
    """Time of the decision."""
    reason: str
    """Why, in words."""
    execution: str | None
    """ARN of the execution or alarm that decided, or ``doctor``; null where a person did."""
    dataset_id: str
    """Id of the data set that the version was trained on."""
    run_id: str
    """Id of its MLflow run."""
    decision_record: str
    """URI of the decision record in the data bucket."""
    metric: str | None = None
    """Metric that decided."""
    metric_champion: float | None = None
    """Its value for the champion on the holdout."""
    metric_challenger: float | None = None
    """Its value for the challenger on the holdout."""
    probability_better: float | None = None
    """Probability that the challenger is better by more than ``min_improvement``: by the holdout,
    pooled with ``aging`` where there is any."""
    probability_required: float | None = None
    """What ``probability_better`` had to reach."""
    probability_on_holdout: float | None = None
    """The same by the holdout alone: a share of the bootstrap resamples."""
    aging: PriceOfAge | None = None
    """What the challenger's new training rows were worth at earlier origins."""
    interval: tuple[float, float] | None = None
    """Interval of the improvement at the confidence of the model definition."""
    rows: int | None = None
    """Rows of the holdout."""
    beside_champion: dict[str, float] = Field(default={})
    """Metrics of the champion that do not decide, by name."""
    beside_challenger: dict[str, float] = Field(default={})
    """Metrics of the challenger that do not decide, by name."""
    seen_by_champion: int | None = None
    """Rows of the holdout that the champion was trained on, if known."""
    seen_by_challenger: int | None = None
    """Rows of the holdout that the challenger was trained on, if known."""
    segments: tuple[JudgedSegment, ...] = ()
    """Protected segments that speak most against the challenger, at most five."""
    segments_judged: int = 0
    """Protected segments with enough rows to refuse the challenger."""
    serves: str | None = None
    """What serves after a promotion, in words: the judged model, or the same recipe fitted on all
    rows; null for versions that were made before there was a choice."""
    report_uri: str | None = None
    """URI of the evaluation report."""


class ModelPromoted(DecisionEvent):
    """A version is in production."""

    event_type: ClassVar[EventType] = EventType.MODEL_PROMOTED


class ChallengerRejected(DecisionEvent):
    """A challenger has lost and was cleaned up. The champion goes on serving."""

    event_type: ClassVar[EventType] = EventType.CHALLENGER_REJECTED


class ModelRolledBack(DecisionEvent):
    """An earlier version is in production again."""

    event_type: ClassVar[EventType] = EventType.MODEL_ROLLED_BACK
