"""The memory of data drift: what came of the retrainings that it started.

Inputs move with every season, and not each move makes a model worse. A retraining for a drift that
does no harm ends in a refusal. The drift stays, so without a memory each check would start the
next. So after a lost challenger the same drift has to wait, longer each time. The memory is written
into each decision and read back by the next check. It belongs to a version: a promotion ends it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from evergreen.drift.records import CheckContext, DriftDecisionRecord
    from evergreen.events import Trigger

BY_INPUTS: frozenset[Trigger] = frozenset({"data_drift", "estimated_performance"})
"""The triggers that are seen in the inputs and share the memory. An estimate falls because harder
inputs come in, so a challenger that lost to one says the same about the other."""
WAIT_FACTOR = 4
"""The next challenger is trained when this many times as much time has passed since the drift began
as had passed when the last one was trained. There are then four times as many rows of the drifted
world, and the difference of two models is known twice as exactly. With fewer, a challenger that
could not show that it is better could not show it again."""


@dataclass(frozen=True, slots=True)
class DriftMemory:
    """What is known about the drift of a version.

    Parameters
    ----------
    since
        Start of the first window in which the version's inputs had drifted, but not before its
        promotion; None if none had.
    tried
        When drift last started a retraining that did not replace the version; None if none did.
    features
        The features that had drifted whenever it did. No other kind of drift was tried.
    """

    since: datetime | None = None
    tried: datetime | None = None
    features: frozenset[str] = frozenset()

    def is_another(self, drifted: Sequence[str]) -> bool:
        """Return whether most of the drifted features had not drifted at any lost retraining."""
        return 2 * len(self.features.intersection(drifted)) < len(drifted)

    def backoff_until(self, now: datetime) -> datetime | None:
        """Return when drift is worth the next retraining after a lost one; None if it is now."""
        if self.since is None or self.tried is None:
            return None
        moment = self.since + WAIT_FACTOR * (self.tried - self.since)
        return moment if now < moment else None

    def to_record(self) -> dict[str, Any]:
        """Return the fields of the decision that the next check reads back."""
        return {
            "drift_since": self.since,
            "drift_tried": self.tried,
            "drift_features_tried": tuple(sorted(self.features)),
        }


def memory_at(
    context: CheckContext,
    last: DriftDecisionRecord | None,
    *,
    drifted: bool,
    last_was_skipped: bool,
    promoted_at: datetime | None = None,
) -> DriftMemory:
    """Return the memory at the time of a check.

    Parameters
    ----------
    context
        What the check looked at.
    last
        The decision of the check before, of whichever schedule.
    drifted
        Whether this check found one of :data:`BY_INPUTS`.
    last_was_skipped
        Whether the retraining that the last check started was skipped; then no challenger was
        trained.
    promoted_at
        When the version was promoted. A window may reach further back, but no drift of a version
        began before it served.
    """
    memory = DriftMemory()
    if last is not None and last.model_version == context.model_version:
        known = frozenset(last.drift_features_tried)
        memory = DriftMemory(last.drift_since, last.drift_tried, known)
        by_inputs = not BY_INPUTS.isdisjoint(last.triggers)
        if last.start_retraining and by_inputs and not last_was_skipped:
            memory = DriftMemory(
                last.drift_since or last.window_start,
                last.timestamp,
                known.union(last.drifted_features),
            )
    if drifted and memory.since is None:
        return replace(memory, since=max(context.window_start, promoted_at or context.window_start))
    return memory
