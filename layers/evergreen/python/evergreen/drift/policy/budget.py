"""The budget of retrainings, by the keys ``refill`` and ``burst`` of a model.

Without ``refill`` there is none. What is left is written into each decision and read back by the
next check. After a pause longer than
:func:`evergreen.drift.policy.consecutive.history_needed` a model begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.drift.records import CheckContext, DriftDecisionRecord
    from evergreen.model_definition import Retraining

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
    last_was_skipped: bool = False,
) -> Budget | None:
    """Return the budget at the time of a check; None for a model without one.

    A model begins with ``burst`` retrainings. It earns one per ``refill`` and saves up to
    ``burst``. A retraining that was skipped is given back.

    Parameters
    ----------
    context
        When the check is made.
    retraining
        The model's policy.
    last
        The decision of the check before, of whichever schedule.
    last_was_skipped
        Whether the retraining that it started was skipped, because too few rows were labelled.
    """
    if retraining.refill is None:
        return None
    full = float(retraining.burst)
    if last is None or last.budget_left is None:
        return Budget(full)
    earned = (context.timestamp - last.timestamp) / retraining.refill
    if last_was_skipped:
        earned += 1
    return Budget(min(full, last.budget_left + earned))
