"""What a check remembers from the one before: the retrainings it may start, and a metric to regain.

Both are written into the decision and read back by the next, so that nothing has to be counted over
months of checks. After a pause longer than :func:`evergreen.drift.decision.history_needed` a model
begins anew, with a full budget and without a goal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.drift.records import CheckContext, DecisionRecord, PerformanceTest
    from evergreen.model_definition import Retraining

_ROUNDING = 1e-6


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
    goal: float | None

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
    trained while the world changed and is only held against its own, poorer, start; the goal stays
    until the window's metric reaches it, or until a challenger has not replaced the version that
    serves.

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
) -> float | None:
    goal = last.goal if last else None
    if last and last.start_retraining and last.model_version == context.model_version:
        goal = None
    if performance is None or performance.value is None or performance.threshold is None:
        return goal
    larger_is_better = performance.metric == "f1"
    if performance.drifted:
        known = [performance.threshold, *([] if goal is None else [goal])]
        return max(known) if larger_is_better else min(known)
    if goal is None:
        return None
    reached = performance.value >= goal if larger_is_better else performance.value <= goal
    return None if reached else goal
