"""The events of drift checks and of episodes of drift, sent by ``check_drift``."""

from __future__ import annotations

from typing import ClassVar, Literal

from evergreen.clock import Moment
from evergreen.events.base import Event, EventPart, EventType

Verdict = Literal["drift", "no_drift", "insufficient_data"]
Trigger = Literal["data_drift", "performance", "estimated_performance"]
Ground = Literal["data_drift", "performance", "estimated_performance", "new_rows"]
"""Why a retraining starts: one of the triggers, or enough new labelled rows without a finding."""
Severity = Literal["warning", "critical"]
EpisodeState = Literal["none", "detected", "ongoing", "cleared"]
"""Of one kind after one check: nothing, begun by it, open since before, ended by it."""
EpisodeEnd = Literal["cleared", "new_version"]


class JointShift(EventPart):
    """How well a classifier tells the window from the reference, by all features at once."""

    accuracy: float
    """Its accuracy, out of fold."""
    threshold: float
    """Accuracy above which the joint distribution has drifted."""


class MeasuredPerformance(EventPart):
    """The metric on the labelled rows of the window."""

    metric: str
    """Name of the metric, such as ``f1`` or ``rmse``."""
    value: float
    """Its value in the window."""
    promoted: float
    """Its value on the holdout at promotion."""
    labelled_rows: int
    """Rows of the window with ground truth."""


class EstimatedPerformance(EventPart):
    """The metric of the window as estimated without ground truth."""

    metric: str
    """Name of the metric, such as ``f1`` or ``rmse``."""
    value: float
    """The estimate."""
    interval_low: float
    """Lower end of the interval in which the metric would lie with a probability of 95 %."""
    interval_high: float
    """Its upper end."""
    promoted: float
    """The metric on the holdout at promotion."""
    rows: int
    """Rows of the window that it was estimated for."""


class DriftedSegment(EventPart):
    """Where it is: a part of the traffic that explains much of a drift, or of a loss."""

    explains: Literal["data_drift", "performance"]
    """``data_drift`` for the part that grew most, ``performance`` for the part that lost most."""
    feature_name: str
    """The feature that cuts the traffic into segments."""
    segment: str
    """Its value, or its range."""
    share_reference: float
    """Share of the reference's rows that are in it."""
    share_window: float
    """Share of the window's rows that are in it."""
    loss: str | None = None
    """What is averaged over rows: ``error rate``, ``mean squared error`` or ``mean absolute
    error``."""
    loss_reference: float | None = None
    """That average on the reference's rows of the segment; of all, if it has too few."""
    loss_window: float | None = None
    """That average on the window's rows of the segment."""
    explained: float | None = None
    """Share of the whole increase of the loss that the segment explains."""

    @property
    def words(self) -> str:
        """What a person reads."""
        where = f"{self.feature_name} {self.segment}"
        if self.explained is None:
            return f"{where}: {self.share_window:.1%} of rows, {self.share_reference:.1%} before"
        return (
            f"{where}: {self.explained:.0%} of the loss on {self.share_window:.0%} of rows "
            f"({self.loss} {self.loss_window:.3g}, {self.loss_reference:.3g} before)"
        )


class Evidence(EventPart):
    """The numbers behind a verdict."""

    effects: dict[str, float]
    """Effect size of the features that moved most, as a share of rows; at most ten."""
    joint: JointShift | None = None
    """The joint test, where it found drift."""
    performance: MeasuredPerformance | None = None
    """The metric, where it could be measured."""
    estimated_performance: EstimatedPerformance | None = None
    """The metric as estimated, where the estimate is the trigger ``estimated_performance``."""
    segments: tuple[DriftedSegment, ...] = ()
    """Where it is: at most three for a drift, and three for a loss."""


class EpisodeStanding(EventPart):
    """Where the episode of one kind stands after a check."""

    state: EpisodeState
    """``detected`` by this check, ``ongoing`` since an earlier one, ``cleared`` by this one, or
    ``none``."""
    episode_id: str | None = None
    """Id of the open episode."""
    kind: Trigger | None = None
    """Kind of the open episode."""
    since: Moment | None = None
    """Time of the check that found it."""
    severity: Severity | None = None
    """How bad it is."""


class CheckEvent(Event):
    """Base of the events of a drift check."""

    check_id: str
    """Id of the check."""
    model_version: str
    """Version that was in production."""
    window_start: Moment
    """Begin of the window, included."""
    window_end: Moment
    """End of the window, excluded."""
    rows: int
    """Rows in the window."""
    verdict: Verdict
    """What the check found in the inputs."""
    start_retraining: bool
    """Whether this event starts a retraining."""
    because: tuple[Ground, ...] = ()
    """The grounds on which it starts one: what was found, or ``new_rows``. Empty if it starts
    none."""
    reason: str
    """Why, in words."""
    drifted_features: tuple[str, ...]
    """Names of the features that drifted."""
    log: str
    """Key of the drift log's object in the data bucket."""
    report: str | None
    """Key of the HTML report in the data bucket, if there is one."""


class DriftCheckCompleted(CheckEvent):
    """A check has ended. Sent after every check, whatever it found."""

    event_type: ClassVar[EventType] = EventType.DRIFT_CHECK_COMPLETED

    episodes: dict[Trigger, EpisodeStanding]
    """Where the episodes stand, by kind."""


class NoticeEvent(CheckEvent):
    """Base of the events that say more than that there was a check."""

    evidence: Evidence
    """The numbers behind the verdict."""
    episode_state: Literal["detected", "ongoing", "cleared"]
    """What has become of the episode."""


class RetrainingRequested(NoticeEvent):
    """A check starts a retraining and no episode begins. Starts the state machine."""

    event_type: ClassVar[EventType] = EventType.RETRAINING_REQUESTED


class EpisodeEvent(NoticeEvent):
    """Base of the events at the begin and the end of an episode."""

    episode_id: str
    """Id of the episode, the same at its begin and its end."""
    kind: Trigger
    """What moved: the inputs, the metric, or the metric as estimated without ground truth."""
    since: Moment
    """Time of the check that found it."""
    severity: Severity
    """How bad it is."""


class DataDriftDetected(EpisodeEvent):
    """An episode of data drift begins. Starts the state machine if ``start_retraining`` is true."""

    event_type: ClassVar[EventType] = EventType.DATA_DRIFT_DETECTED


class PerformanceDegraded(EpisodeEvent):
    """An episode of worse performance begins: measured, or only estimated, as ``kind`` says.

    Starts the state machine if ``start_retraining``.
    """

    event_type: ClassVar[EventType] = EventType.PERFORMANCE_DEGRADED


class EpisodeEnded(EpisodeEvent):
    """Base of the events at the end of an episode."""

    ended_at: Moment
    """Time of the check that ended it."""
    ended_by: EpisodeEnd
    """``cleared``: nothing has moved since. ``new_version``: another version is in production."""


class DriftCleared(EpisodeEnded):
    """An episode of data drift has ended."""

    event_type: ClassVar[EventType] = EventType.DRIFT_CLEARED


class PerformanceRecovered(EpisodeEnded):
    """An episode of worse performance has ended: measured, or only estimated, as ``kind`` says."""

    event_type: ClassVar[EventType] = EventType.PERFORMANCE_RECOVERED
