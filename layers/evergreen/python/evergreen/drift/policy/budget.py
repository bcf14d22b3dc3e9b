"""The budget of retrainings: the keys ``refill`` and ``burst`` of a model.

What is left is written into each decision and read back by the next check. After a pause longer
than :func:`evergreen.drift.policy.consecutive.history_needed` a model begins with a full budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.drift.log import DriftDecisionRecord
    from evergreen.model_definition import Retraining

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Budget:
    """How many retrainings may be started now.

    Parameters
    ----------
    left
        Retrainings, with the part of the next one that is earned so far; None where they are not
        limited.
    """

    left: float | None

    def covers(self, retrainings: int) -> bool:
        """Say whether so many may be started."""
        return self.left is None or self.left >= retrainings - _ROUNDING

    def after(self, *, started: bool) -> float | None:
        """Return what is left when the check is over."""
        if self.left is None or not started:
            return self.left
        return max(self.left - 1, 0.0)


def budget_at(
    now: datetime,
    retraining: Retraining,
    last: DriftDecisionRecord | None,
    *,
    last_was_skipped: bool = False,
) -> Budget:
    """Return the budget at the time of a check.

    A model begins with ``burst`` retrainings. It earns one per ``refill`` and saves up to
    ``burst``. A retraining that was skipped is given back.

    Parameters
    ----------
    now
        When the check is made.
    retraining
        The model's policy.
    last
        The decision of the check before, of whichever schedule.
    last_was_skipped
        Whether the retraining that it started was skipped, because too few rows were labelled.
    """
    if retraining.refill is None:
        return Budget(None)
    full = float(retraining.burst)
    if last is None or last.budget_left is None:
        return Budget(full)
    earned = (now - last.timestamp) / retraining.refill
    given_back = 1 if last_was_skipped else 0
    return Budget(min(full, last.budget_left + given_back + earned))
