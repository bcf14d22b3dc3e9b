"""The memory of lost retrainings: what a version's challengers have come to, by ground.

Inputs move with every season, and not each move makes a model worse. A retraining for a drift that
does no harm ends in a refusal. The drift stays, so without a memory each check would start the
next. So whenever a challenger loses, its grounds wait for twice as many new rows as before. The
memory is written into each decision and read back by the next check. It belongs to a version: a
promotion ends it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from evergreen.drift.records import CheckContext, DriftDecisionRecord
    from evergreen.events import Ground


@dataclass(frozen=True, slots=True)
class LostRetrainings:
    """The retrainings that did not replace a version.

    Parameters
    ----------
    by_ground
        How many were started on each ground. One that was started on several counts for each.
    at
        When the last one was started; None if there was none.
    features
        The features that had drifted at any of them.
    """

    by_ground: Mapping[Ground, int] = field(default_factory=dict)
    at: datetime | None = None
    features: frozenset[str] = frozenset()

    def of(self, ground: Ground) -> int:
        """Return how many were started on a ground."""
        return self.by_ground.get(ground, 0)

    def is_another(self, drifted: Sequence[str]) -> bool:
        """Return whether most of the drifted features had not drifted at any of them."""
        return 2 * len(self.features.intersection(drifted)) < len(drifted)

    def to_record(self) -> dict[str, Any]:
        """Return the fields of the decision that the next check reads back."""
        return {
            "lost": dict(self.by_ground),
            "lost_at": self.at,
            "lost_features": tuple(sorted(self.features)),
        }


def lost_retrainings_at(
    context: CheckContext, last: DriftDecisionRecord | None, *, last_was_skipped: bool
) -> LostRetrainings:
    """Return the memory at the time of a check.

    Parameters
    ----------
    context
        What the check looked at.
    last
        The decision of the check before, of whichever schedule.
    last_was_skipped
        Whether the retraining that the last check started was skipped; then no challenger was
        trained.
    """
    if last is None or last.model_version != context.model_version:
        return LostRetrainings()
    known = LostRetrainings(last.lost, last.lost_at, frozenset(last.lost_features))
    if not last.start_retraining or last_was_skipped:
        return known
    return LostRetrainings(
        Counter(last.lost) + Counter(last.because),
        last.timestamp,
        known.features.union(last.drifted_features),
    )
