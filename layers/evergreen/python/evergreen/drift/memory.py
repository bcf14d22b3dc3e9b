"""What a check remembers from the one before: the retrainings it may start, and a metric to regain.

Both are written into the decision and read back by the next, so that nothing has to be counted over
months of checks. After a pause longer than :func:`evergreen.drift.decision.history_needed` a model
begins anew, with a full budget and without a goal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.drift.records import CheckContext, DecisionRecord, PerformanceTest
    from evergreen.model_definition import Retraining

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
    regained
        Whether its successor does as well.
    """

    metric: float
    version: str | None
    regained: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """What holds at the time of a check.

    Parameters
    ----------
    budget
        Retrainings that may be started now, in parts; None where they are not limited.
    goal
        The metric to regain, if there is one.
    """

    budget: float | None
    goal: Goal | None

    @property
    def is_spent(self) -> bool:
        """Whether no retraining may be started."""
        return self.budget is not None and self.budget < 1 - _ROUNDING

    def after(self, *, started: bool) -> float | None:
        """Return what the budget is when this check is over."""
        if self.budget is None or not started:
            return self.budget
        return max(self.budget - 1, 0.0)


def remember(
    context: CheckContext,
    performance: PerformanceTest | None,
    retraining: Retraining,
    last: DecisionRecord | None,
) -> Memory:
    """Carry on from the last decision.

    One retraining is earned per ``retraining.refill``, and up to ``retraining.burst`` are saved,
    which is also what a model begins with.

    A version that has degraded leaves a goal behind, its metric at promotion. Its successor was
    trained while the world changed, on rows from before and after, and is only held against its
    own, poorer, start. So a goal stays until a challenger has not replaced the version that serves,
    also where that regains it: one trained on more of the new world may do better still. A version
    that degraded and regains the goal by itself has nothing to make up for.

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
    """
    return Memory(_budget(context, retraining, last), _goal(context, performance, last))


def _known_goal(last: DecisionRecord | None) -> Goal | None:
    if last is None or last.goal is None:
        return None
    return Goal(last.goal, last.goal_version)


def _budget(
    context: CheckContext, retraining: Retraining, last: DecisionRecord | None
) -> float | None:
    if retraining.refill is None:
        return None
    full = float(retraining.burst)
    if last is None or last.budget_left is None:
        return full
    earned = (context.timestamp - last.timestamp) / retraining.refill
    return min(full, last.budget_left + earned)


def _goal(
    context: CheckContext, performance: PerformanceTest | None, last: DecisionRecord | None
) -> Goal | None:
    goal = _known_goal(last)
    if last and last.start_retraining and last.model_version == context.model_version:
        goal = None
    if performance is None or performance.value is None or performance.threshold is None:
        return goal
    larger_is_better = performance.metric == "f1"
    if performance.drifted:
        known = [performance.threshold, *([] if goal is None else [goal.metric])]
        return Goal(max(known) if larger_is_better else min(known), context.model_version)
    if goal is None:
        return None
    value = performance.value
    regained = value >= goal.metric if larger_is_better else value <= goal.metric
    if regained and context.model_version == goal.version:
        return None
    return replace(goal, regained=regained)
