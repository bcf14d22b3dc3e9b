"""The goal of a model whose metric has fallen: the metric that it had at its promotion.

The table "The goal" in ``docs/retraining.md`` has one row for each :data:`GoalState`, in the order
in which :func:`goal_at` looks for it. The goal is written into each decision and read back by the
next check. After a pause longer than :func:`evergreen.drift.policy.consecutive.history_needed` a
model begins without one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.drift.records import CheckContext, DriftDecisionRecord, PerformanceTest

GoalState = Literal["no_goal", "not_measured", "below_goal", "challenger_lost", "goal_regained"]

BACKOFF_FACTOR = 1.75
"""A goal asks for the next challenger when this many times as much time has passed since the fall
as had passed when the last one was trained. The rows that are waited for do not bound this: each
promotion begins to count anew. It is a little less than 2, because checks come at fixed times and
the second month, or the second day, is rarely quite as long as the first."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A metric to regain.

    Parameters
    ----------
    metric
        The metric of a version at its promotion.
    version
        The version whose metric fell; None where that is not known.
    since
        Start of the window in which the fall was found.
    tried, against
        When a challenger was last trained, and the champion at that time; None if none was yet.
    """

    metric: float
    version: str | None
    since: datetime
    tried: datetime | None = None
    against: str | None = None

    def backoff_until(self, now: datetime) -> datetime | None:
        """Return when it may ask for the next challenger; None if it may."""
        if self.tried is None:
            return None
        moment = self.since + BACKOFF_FACTOR * (self.tried - self.since)
        return moment if now < moment else None


@dataclass(frozen=True, slots=True)
class GoalStatus:
    """The state of the goal at the time of a check.

    Parameters
    ----------
    state
        The row of the table.
    goal
        The metric to regain; None in the state ``no_goal``.
    backoff_until
        When the next challenger may be trained, if that is later than the check.
    """

    state: GoalState
    goal: Goal | None = None
    backoff_until: datetime | None = None

    @property
    def is_missed(self) -> bool:
        """Whether the metric of this window is surely below the goal."""
        return self.state in {"below_goal", "challenger_lost"}

    @property
    def asks_for_challenger(self) -> bool:
        """Whether the goal alone is a reason to train a challenger now."""
        return (self.is_missed or self.state == "goal_regained") and self.backoff_until is None

    def to_record(self) -> dict[str, Any]:
        """Return the fields of the decision that the next check reads back."""
        if self.goal is None:
            return {}
        return {
            "goal": self.goal.metric,
            "goal_version": self.goal.version,
            "goal_since": self.goal.since,
            "goal_tried": self.goal.tried,
            "goal_against": self.goal.against,
        }


def goal_at(
    context: CheckContext,
    performance: PerformanceTest | None,
    last: DriftDecisionRecord | None,
    *,
    last_was_skipped: bool,
) -> GoalStatus:
    """Return the state of the goal: the first row of the table whose condition holds.

    Parameters
    ----------
    context
        What the check looked at.
    performance
        The performance test of this check, if there was one.
    last
        The decision of the check before, of whichever schedule.
    last_was_skipped
        Whether the retraining that it started was skipped; then no challenger was trained.
    """
    version, now = context.model_version, context.timestamp
    goal = _with_fall(_recorded(last, skipped=last_was_skipped), context, performance)
    lost = goal is not None and goal.against == version
    below = goal is None or performance is None or not _reaches(goal, performance)

    if goal is None or (not below and (lost or goal.version == version)):
        return GoalStatus("no_goal")
    if performance is None or performance.value is None:
        return GoalStatus("not_measured", goal)
    state: GoalState = "goal_regained"
    if below:
        state = "challenger_lost" if lost else "below_goal"
    return GoalStatus(state, goal, goal.backoff_until(now))


def _recorded(last: DriftDecisionRecord | None, *, skipped: bool) -> Goal | None:
    """Return the goal that the last check left, with the challenger that it started."""
    if last is None or last.goal is None:
        return None
    since = last.goal_since or last.window_start
    if last.start_retraining and not skipped:
        return Goal(last.goal, last.goal_version, since, last.timestamp, last.model_version)
    return Goal(last.goal, last.goal_version, since, last.goal_tried, last.goal_against)


def _with_fall(
    goal: Goal | None, context: CheckContext, performance: PerformanceTest | None
) -> Goal | None:
    """Set the goal if this window shows that the metric has fallen.

    When a successor falls too, a new fall begins, but the better metric stays the goal.
    """
    if performance is None or not performance.drifted or performance.threshold is None:
        return goal
    fallen = Goal(performance.threshold, context.model_version, context.window_start)
    if goal is None:
        return fallen
    better = max if performance.more_is_better else min
    metric = better(performance.threshold, goal.metric)
    return replace(goal if goal.version == fallen.version else fallen, metric=metric)


def _reaches(goal: Goal, performance: PerformanceTest) -> bool:
    """Say whether a version does as well in this window as the goal: it is not surely worse.

    The goal was measured on a holdout and the window's metric on its own rows, so both hold chance.
    To chase a lucky holdout would cost a retraining each time.
    """
    low, high = performance.interval_low, performance.interval_high
    if performance.drifted or low is None or high is None:
        return False
    return high >= goal.metric if performance.more_is_better else low <= goal.metric
