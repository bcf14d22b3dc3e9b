"""How many windows in a row have raised the alarm: the key ``consecutive`` of a model."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.drift.records import CheckContext, DriftDecisionRecord
    from evergreen.events import Trigger
    from evergreen.model_definition import Drift, Retraining

SHORTEST_COOLDOWN = timedelta(hours=6)
"""Time after the start of a retraining in which no other starts, where a model sets none."""
OVERLAP = timedelta(minutes=15)
"""Two windows count as two if they share at most this much time, or a tenth of their length if
that is less. Checks start a little early or late, so windows of "every hour, the last hour"
overlap."""


def history_needed(drift: Drift, retraining: Retraining, window: timedelta) -> timedelta:
    """Return how old a decision may be that :func:`~evergreen.drift.policy.decision.decide` needs.

    It needs the last check, the cooldown, and enough windows in a row. From one window to the next
    that shares no rows with it lies its length, and at most one period of the schedule.
    """
    at_least = max(
        retraining.cooldown or SHORTEST_COOLDOWN, 2 * max(each.every for each in drift.schedules)
    )
    # Without a setting, what is in doubt takes two.
    windows = 2 if retraining.consecutive is None else retraining.consecutive
    if windows == 1:
        return at_least
    periods = [each.every for each in drift.schedules if each.window == window]
    step = window + max(periods, default=timedelta())
    return max(at_least, step * windows)


def windows_in_a_row(
    context: CheckContext, trigger: Trigger, earlier: Sequence[DriftDecisionRecord]
) -> int:
    """Count the windows up to this one that share no rows and in which every check had a trigger.

    Windows in a row share no rows, up to :data:`OVERLAP`. When the window is 24 hours long and
    slides by the hour, 24 checks see the same bad hour; they do not confirm each other. With
    ``consecutive = 3`` such a schedule starts a retraining after 48 hours in which every check had
    the trigger; "every 24 hours, the last 24 hours" starts it with the third check.

    Windows with too little data do not count and do not break the row. Windows of another length
    or of another version are left out. A window that was checked twice counts once, and its latest
    check decides.

    Parameters
    ----------
    context
        What this check looked at; its window is the first of the row.
    trigger
        What must have been found in each window.
    earlier
        Decisions of earlier checks, oldest first.
    """
    length = context.asked_length
    same_window = {context.subject_dataset_id}
    begins = context.window_start
    count = 1
    for item in reversed(earlier):
        same_series = item.model_version == context.model_version and item.asked_length == length
        if not same_series or item.verdict == "insufficient_data":
            continue
        if item.subject_dataset_id in same_window:
            continue
        if trigger not in item.triggers:
            break
        same_window.add(item.subject_dataset_id)
        if item.window_end - begins <= min(OVERLAP, length / 10):
            begins = item.window_start
            count += 1
    return count
