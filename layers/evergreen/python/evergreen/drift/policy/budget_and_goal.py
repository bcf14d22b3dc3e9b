"""What a check remembers from the one before: the retrainings it may start, and a metric to regain.

Both are written into the decision and read back by the next, so that nothing has to be counted over
months of checks. After a pause longer than :func:`evergreen.drift.policy.decision.history_needed` a
model begins anew, with a full budget and without a goal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.drift.log import CheckContext, DriftDecisionRecord, PerformanceTest
    from evergreen.model_definition import Retraining

PATIENCE = 1.75
"""After a challenger that lost, the next one comes when this many times as much time has passed
since the degradation: nearly twice, because two months, or two days, are never quite as long."""

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Goal:
    """A metric to regain.

    Parameters
    ----------
    metric
        What a version did at its promotion.
    version
        The version that no longer does it; None where that is not known.
    since
        Where the window begins in which that was found.
    tried, against
        When a challenger was last trained, and against which version; None if none was yet.
    """

    metric: float
    version: str | None
    since: datetime
    tried: datetime | None = None
    against: str | None = None

    def is_regained(self, performance: PerformanceTest, version: str) -> bool:
        """Whether a version does as well in a window: it is not surely worse.

        The goal was measured on a holdout, the window's metric on its own rows, and both hold
        chance: to chase a lucky holdout costs a retraining each time. Only the version that has
        lost the goal has to be back there itself.
        """
        f1 = performance.metric == "f1"
        reached = performance.interval_high if f1 else performance.interval_low
        if version == self.version or reached is None:
            reached = performance.value
        if reached is None:
            return False
        return reached >= self.metric if f1 else reached <= self.metric

    def due(self, version: str, *, regained: bool) -> datetime | None:
        """Return when a challenger of a version is worth a try, or None if there is no wait."""
        won = self.against != version
        if self.tried is None or (won and not regained):
            return None
        return self.since + PATIENCE * (self.tried - self.since)


@dataclass(frozen=True, slots=True)
class Memory:
    """What holds at the time of a check.

    Parameters
    ----------
    budget
        Retrainings that may be started now, in parts; None where they are not limited.
    goal
        The metric to regain, if there is one.
    regained
        Whether this window reaches it.
    due
        When the next challenger is worth a try, if that is to be waited for.
    """

    budget: float | None
    goal: Goal | None = None
    regained: bool = False
    due: datetime | None = None

    def has(self, retrainings: int) -> bool:
        """Whether so many may be started."""
        return self.budget is None or self.budget >= retrainings - _ROUNDING

    def after(self, *, started: bool) -> float | None:
        """Return what the budget is when this check is over."""
        if self.budget is None or not started:
            return self.budget
        return max(self.budget - 1, 0.0)


def remember(
    context: CheckContext,
    performance: PerformanceTest | None,
    retraining: Retraining,
    last: DriftDecisionRecord | None,
    *,
    last_was_skipped: bool = False,
) -> Memory:
    """Carry on from the last decision.

    One retraining is earned per ``retraining.refill``, and up to ``retraining.burst`` are saved,
    which is also what a model begins with. One that was skipped, because too little ground truth
    had come in, is given back, and no challenger was tried in it.

    A version that has degraded leaves a goal behind, its metric at promotion. Its successor was
    trained on what little there was of the new world, and is only held against its own, poorer,
    start. So the goal stays for it: as long as each challenger that wins falls short of it, the
    next one is tried at once. One that lost will not do better on the same rows, nor will the
    successor of one that reached the goal do much better: the next is tried when nearly twice as
    much of the new world has been seen (:data:`PATIENCE`), then after twice as much again. The goal
    is given up when a challenger loses against a version that has regained it, or when the version
    that degraded regains it by itself.

    Parameters
    ----------
    context
        What the check looked at.
    performance
        The performance test of this check, if there was one.
    retraining
        The model's policy.
    last
        The decision before, of whichever schedule.
    last_was_skipped
        Whether it started a retraining that was skipped.
    """
    tried = last is not None and last.start_retraining and not last_was_skipped
    budget = _budget(context, retraining, last, back=1 if last_was_skipped else 0)
    goal = _goal(context, performance, _known_goal(last, tried=tried))
    if goal is None:
        return Memory(budget)
    version = context.model_version
    regained = performance is not None and goal.is_regained(performance, version)
    due = goal.due(version, regained=regained)
    waits = due is not None and context.timestamp < due
    return Memory(budget, goal, regained, due if waits else None)


def _known_goal(last: DriftDecisionRecord | None, *, tried: bool) -> Goal | None:
    if last is None or last.goal is None:
        return None
    since = last.goal_since or last.window_start
    if tried:
        return Goal(last.goal, last.goal_version, since, last.timestamp, last.model_version)
    return Goal(last.goal, last.goal_version, since, last.goal_tried, last.goal_against)


def _budget(
    context: CheckContext, retraining: Retraining, last: DriftDecisionRecord | None, *, back: int
) -> float | None:
    if retraining.refill is None:
        return None
    full = float(retraining.burst)
    if last is None or last.budget_left is None:
        return full
    earned = (context.timestamp - last.timestamp) / retraining.refill
    return min(full, last.budget_left + back + earned)


def _goal(
    context: CheckContext, performance: PerformanceTest | None, goal: Goal | None
) -> Goal | None:
    if performance is None or performance.value is None or performance.threshold is None:
        return goal
    version = context.model_version
    if performance.drifted:
        if goal is None:
            return Goal(performance.threshold, version, context.window_start)
        better = max if performance.metric == "f1" else min
        best = better(performance.threshold, goal.metric)
        if goal.version == version:
            return replace(goal, metric=best)
        return Goal(best, version, context.window_start)
    if goal is None:
        return None
    over = version in {goal.version, goal.against} and goal.is_regained(performance, version)
    return None if over else goal
