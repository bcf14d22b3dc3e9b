"""The budget of retrainings: by the keys ``refill`` and ``burst`` of a model, or by its results.

Without ``refill`` the budget follows from what came of earlier retrainings, so that at most a third
of them are lost in the long run. What is left is written into each decision and read back by the
next check. After a pause longer than
:func:`evergreen.drift.policy.consecutive.history_needed` a model begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.drift.records import CheckContext, DriftDecisionRecord
    from evergreen.model_definition import Retraining

AT_FIRST, AT_MOST = 1.0, 2.0
"""What a model without ``refill`` begins with, and what it can save."""
FOR_A_WIN = 1.5
"""What a promotion gives back: the retraining itself, and a half. Two pay for a lost one."""
_SHORTEST_PACE = timedelta(days=1)
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Budget:
    """How many retrainings may be started now.

    Parameters
    ----------
    left
        Retrainings, with the part of the next one that is earned so far.
    """

    left: float

    def covers(self, retrainings: int) -> bool:
        """Say whether so many may be started."""
        return self.left >= retrainings - _ROUNDING

    def after(self, *, started: bool) -> float:
        """Return what is left when the check is over."""
        return max(self.left - 1, 0.0) if started else self.left


def budget_at(
    context: CheckContext,
    retraining: Retraining,
    last: DriftDecisionRecord | None,
    *,
    pace: timedelta,
    last_was_skipped: bool = False,
) -> Budget:
    """Return the budget at the time of a check.

    With ``refill`` a model begins with ``burst`` retrainings. It earns one per ``refill`` and saves
    up to ``burst``. Without it, it begins with :data:`AT_FIRST`. It earns one per ``pace`` and
    :data:`FOR_A_WIN` whenever another version serves, and saves up to :data:`AT_MOST`. A retraining
    that was skipped is given back in both cases.

    Parameters
    ----------
    context
        When the check is made, and on which version.
    retraining
        The model's policy.
    last
        The decision of the check before, of whichever schedule.
    pace
        Time in which as many rows come in as the champion's data set has.
    last_was_skipped
        Whether the retraining that it started was skipped, because too few rows were labelled.
    """
    by_results = retraining.refill is None
    full = AT_MOST if by_results else float(retraining.burst)
    if last is None or last.budget_left is None:
        return Budget(AT_FIRST if by_results else full)
    period = retraining.refill or max(pace, _SHORTEST_PACE)
    earned = (context.timestamp - last.timestamp) / period
    if last_was_skipped:
        earned += 1
    if by_results and last.model_version != context.model_version:
        earned += FOR_A_WIN
    return Budget(min(full, last.budget_left + earned))
