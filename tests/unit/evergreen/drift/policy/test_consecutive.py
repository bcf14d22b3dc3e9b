"""Windows in a row, and how much history it takes to count them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.drift.policy.consecutive import OVERLAP, history_needed, windows_in_a_row
from evergreen.model_definition import Drift, Retraining, Schedule
from tests.support.drift_checks import DAY, HOUR, NOON, context, decided

if TYPE_CHECKING:
    from evergreen.drift.records import DriftDecisionRecord


@pytest.mark.parametrize(
    ("history", "count"),
    [
        ([], 1),
        ([decided(NOON - DAY)], 2),
        ([decided(NOON - DAY), decided(NOON - 2 * DAY)], 3),
        (
            [
                decided(NOON - DAY),
                decided(NOON - 2 * DAY, (), "no_drift"),
                decided(NOON - 3 * DAY),
            ],
            2,
        ),
        (
            [
                decided(NOON - DAY),
                decided(NOON - 2 * DAY, (), "insufficient_data"),
                decided(NOON - 3 * DAY),
            ],
            3,
        ),
        ([decided(NOON - DAY, version="0")], 1),
        ([decided(NOON - DAY, window=HOUR), decided(NOON - DAY, window=6 * HOUR)], 1),
        ([decided(NOON - DAY, ("performance",), "no_drift")], 1),
    ],
)
def test_a_row_is_of_windows_of_one_version_one_length_and_one_trigger(
    history: Any, count: int
) -> None:
    assert windows_in_a_row(context(), "data_drift", list(reversed(history))) == count


def test_a_window_checked_twice_is_one_window() -> None:
    again = decided(NOON).model_copy(update={"timestamp": NOON - timedelta(minutes=1)})
    assert windows_in_a_row(context(), "data_drift", [again]) == 1
    before = decided(NOON - DAY)
    assert windows_in_a_row(context(), "data_drift", [before, again]) == 2
    twice = before.model_copy(update={"timestamp": before.timestamp + HOUR})
    assert windows_in_a_row(context(), "data_drift", [before, twice]) == 2


def test_of_a_window_checked_twice_the_latest_check_decides() -> None:
    earliest = decided(NOON - 2 * DAY)
    calm, moved = decided(NOON - DAY, (), "no_drift"), decided(NOON - DAY)
    assert windows_in_a_row(context(), "data_drift", [earliest, calm, moved]) == 3
    assert windows_in_a_row(context(), "data_drift", [earliest, moved, calm]) == 1


def every(period: timedelta, hours: int, *quiet: int) -> list[DriftDecisionRecord]:
    """Return checks of the last 24 hours, oldest first, with drift but in ``quiet`` hours ago."""
    return [
        decided(NOON - ago * HOUR, (), "no_drift") if ago in quiet else decided(NOON - ago * HOUR)
        for ago in range(hours, 0, -1)
        if ago % (period / HOUR) == 0
    ]


@pytest.mark.parametrize(
    ("history", "count"),
    [
        (every(HOUR, 23), 1),  # all of them saw some of what this window sees
        (every(HOUR, 24), 2),
        (every(HOUR, 47), 2),
        (every(HOUR, 48), 3),
        (every(HOUR, 48, 30), 2),  # in between all was well
        (every(HOUR, 48, 1), 1),
        (every(6 * HOUR, 48), 3),
        (every(DAY, 48), 3),
    ],
)
def test_windows_that_slide_over_each_other_do_not_confirm_each_other(
    history: list[DriftDecisionRecord], count: int
) -> None:
    assert windows_in_a_row(context(), "data_drift", history) == count


@pytest.mark.parametrize(("late", "count"), [(0, 2), (5, 2), (6, 2), (7, 1), (-20, 2)])
def test_a_check_that_starts_a_little_early_or_late_still_counts(late: int, count: int) -> None:
    """Every hour on the last hour: up to six minutes may be in both windows."""
    before = decided(NOON - HOUR + timedelta(minutes=late), window=HOUR)
    assert windows_in_a_row(context(window=HOUR), "data_drift", [before]) == count


@pytest.mark.parametrize(
    ("late", "count"), [(OVERLAP, 2), (OVERLAP + timedelta(seconds=1), 1), (2 * HOUR, 1)]
)
def test_long_windows_share_no_more_than_short_ones(late: timedelta, count: int) -> None:
    before = decided(NOON - DAY + late)
    assert windows_in_a_row(context(), "data_drift", [before]) == count


def test_history_reaches_over_the_slowest_schedule_and_the_windows_of_this_one() -> None:
    both = Drift(
        schedules=(Schedule(every=HOUR, window=HOUR), Schedule(every=5 * DAY, window=7 * DAY))
    )
    assert history_needed(both, Retraining(), HOUR) == 10 * DAY
    assert history_needed(both, Retraining(), 7 * DAY) == 2 * 12 * DAY  # what is in doubt
    assert history_needed(both, Retraining(consecutive=200), HOUR) == 200 * 2 * HOUR
    assert history_needed(both, Retraining(consecutive=2), 7 * DAY) == 2 * 12 * DAY
    assert history_needed(both, Retraining(consecutive=4), 3 * DAY) == 4 * 3 * DAY
    several = Drift(
        schedules=(Schedule(every=HOUR, window=DAY), Schedule(every=6 * HOUR, window=DAY))
    )
    assert history_needed(several, Retraining(consecutive=2), DAY) == 2 * 30 * HOUR


def test_history_reaches_over_cooldown_and_windows() -> None:
    hourly = Drift(schedules=(Schedule(every=HOUR, window=DAY),))
    monthly = Drift(schedules=(Schedule(every=30 * DAY, window=DAY),))
    assert history_needed(monthly, Retraining(consecutive=1), DAY) == 60 * DAY  # the check before
    assert history_needed(hourly, Retraining(cooldown=30 * DAY), DAY) == 30 * DAY
    assert history_needed(hourly, Retraining(consecutive=3), DAY) == 3 * (DAY + HOUR)
    rarely = Drift(schedules=(Schedule(every=7 * DAY, window=HOUR),))
    assert history_needed(rarely, Retraining(consecutive=2), HOUR) == 2 * (7 * DAY + HOUR)
