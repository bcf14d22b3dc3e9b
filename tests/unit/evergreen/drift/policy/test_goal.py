"""The states of the goal: one test for each row of the table, and for what lies between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from evergreen.drift.policy.goal import Goal, GoalStatus, goal_at
from tests.support.drift_checks import DAY, NOON, context, decided, measured

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.drift.records import DriftDecisionRecord, PerformanceTest

FALL = NOON - 4 * DAY
TRIED = NOON - 2 * DAY
DUE = FALL + 1.75 * 2 * DAY
"""Half a day before noon."""


def before(
    *, tried: datetime | None = TRIED, against: str | None = "1", **fields: Any
) -> DriftDecisionRecord:
    """Return a decision of the day before, when version 1 had fallen from 0.5."""
    tried_at = {"goal_tried": tried, "goal_against": against} if tried else {}
    known = {"goal": 0.5, "goal_version": "1", "goal_since": FALL, **tried_at, **fields}
    return decided(NOON - DAY, (), "no_drift", **known)


def status(
    performance: PerformanceTest | None,
    last: DriftDecisionRecord | None,
    *,
    version: str = "2",
    at: datetime = NOON,
    skipped: bool = False,
) -> GoalStatus:
    return goal_at(context(at, version=version), performance, last, last_was_skipped=skipped)


POOR = measured(0.4, 0.4)
GOOD = measured(0.6, 0.4)


def test_no_goal_while_the_metric_has_not_fallen() -> None:
    for last in (None, decided(NOON - DAY)):
        found = status(POOR, last)
        assert found == GoalStatus("no_goal")
        assert not found.asks_for_challenger
        assert found.to_record() == {}


def test_not_measured_keeps_the_goal_and_asks_for_nothing() -> None:
    unknown = POOR.model_copy(update={"value": None})
    for performance in (None, unknown):
        found = status(performance, before())
        assert (found.state, found.goal) == ("not_measured", Goal(0.5, "1", FALL, TRIED, "1"))
        assert not found.asks_for_challenger


def test_below_goal_begins_with_a_fall() -> None:
    found = status(measured(0.3, 0.5, worse=True), None, version="1")
    assert found.state == "below_goal"
    assert found.goal == Goal(0.5, "1", NOON - DAY)
    assert found.asks_for_challenger


def test_below_goal_asks_for_the_next_after_the_backoff_although_challengers_win() -> None:
    started = before(tried=None).model_copy(update={"start_retraining": True})
    due = FALL + 1.75 * 3 * DAY
    # Version 1 was champion at that check, and version 2 won.
    early, found = (status(POOR, started, at=moment) for moment in (NOON, due))
    assert (early.state, early.backoff_until) == ("below_goal", due)
    assert not early.asks_for_challenger
    assert (found.state, found.backoff_until) == ("below_goal", None)
    assert found.goal == Goal(0.5, "1", FALL, NOON - DAY, "1")
    assert found.asks_for_challenger


def test_challenger_lost_asks_after_the_backoff() -> None:
    lost = before(against="2")
    early = status(POOR, lost, at=NOON - 0.6 * DAY)
    assert (early.state, early.backoff_until) == ("challenger_lost", DUE)
    assert not early.asks_for_challenger
    due = status(POOR, lost, at=DUE)
    assert (due.state, due.backoff_until) == ("challenger_lost", None)
    assert due.asks_for_challenger


def test_goal_regained_asks_for_one_more_after_the_backoff() -> None:
    won = before()
    early = status(GOOD, won, at=NOON - 0.6 * DAY)
    assert (early.state, early.backoff_until) == ("goal_regained", DUE)
    assert not early.asks_for_challenger
    due = status(GOOD, won, at=DUE)
    assert (due.state, due.backoff_until) == ("goal_regained", None)
    assert due.asks_for_challenger
    assert not due.is_missed


def test_a_goal_is_given_up_when_a_challenger_loses_against_a_version_that_regained_it() -> None:
    assert status(GOOD, before(against="2")) == GoalStatus("no_goal")


def test_a_goal_is_given_up_when_the_version_that_fell_is_no_longer_below_it() -> None:
    last = before(tried=None)
    assert status(measured(0.44, 0.5), last, version="1").state == "below_goal"
    assert status(measured(0.46, 0.5), last, version="1") == GoalStatus("no_goal")


@pytest.mark.parametrize(
    ("metric", "value", "state"),
    [
        ("f1", 0.44, "below_goal"),
        ("f1", 0.46, "goal_regained"),
        ("rmse", 0.56, "below_goal"),
        ("rmse", 0.54, "goal_regained"),
    ],
)
def test_a_version_is_below_the_goal_only_if_it_is_surely_below(
    metric: str, value: float, state: str
) -> None:
    found = status(measured(value, value, metric), before())  # give or take 0.05
    assert found.state == state


@pytest.mark.parametrize(
    ("metric", "low", "high", "state"),
    [
        ("f1", 0.4, 0.5, "goal_regained"),
        ("f1", 0.4, 0.4999, "below_goal"),
        ("rmse", 0.5, 0.6, "goal_regained"),
        ("rmse", 0.5001, 0.6, "below_goal"),
        ("f1", None, 0.6, "below_goal"),
        ("f1", 0.4, None, "below_goal"),
    ],
)
def test_a_version_regains_the_goal_if_its_interval_reaches_it(
    metric: str, low: float | None, high: float | None, state: str
) -> None:
    bounds = {"interval_low": low, "interval_high": high}
    performance = measured(0.45, 0.45, metric).model_copy(update=bounds)
    assert status(performance, before()).state == state


def test_a_version_that_has_fallen_does_not_regain_a_goal_that_its_interval_touches() -> None:
    touching = measured(0.48, 0.5, worse=True)  # 0.53 at best
    assert status(touching, before(against=None)).state == "below_goal"


def test_a_retraining_that_was_skipped_trained_no_challenger() -> None:
    started = before(tried=None, version="2").model_copy(update={"start_retraining": True})
    assert status(POOR, started).state == "challenger_lost"
    skipped = status(POOR, started, skipped=True)
    assert (skipped.state, skipped.goal) == ("below_goal", Goal(0.5, "1", FALL))


def test_the_same_version_that_falls_again_is_the_same_fall() -> None:
    found = status(measured(0.2, 0.5, worse=True), before(), version="1")
    assert found.goal == Goal(0.5, "1", FALL, TRIED, "1")
    assert found.state == "challenger_lost"


@pytest.mark.parametrize(
    ("metric", "promoted", "known", "goal"),
    [("f1", 0.45, 0.5, 0.5), ("f1", 0.55, 0.5, 0.55), ("rmse", 10.0, 8.0, 8.0)],
)
def test_a_successor_that_falls_begins_a_new_fall_with_the_better_goal(
    metric: str, promoted: float, known: float, goal: float
) -> None:
    worse = promoted - 0.2 if metric == "f1" else promoted + 2
    found = status(measured(worse, promoted, metric, worse=True), before(against="2", goal=known))
    assert found == GoalStatus("below_goal", Goal(goal, "2", NOON - DAY))


def test_a_goal_of_an_earlier_release_has_its_window_as_the_fall() -> None:
    last = before(tried=None, goal_since=None)
    assert status(POOR, last).goal == Goal(0.5, "1", last.window_start)


def test_what_is_recorded_is_read_back() -> None:
    found = status(POOR, before(against="2"), at=NOON - 0.6 * DAY)
    again = status(POOR, decided(NOON - 0.5 * DAY, **found.to_record()))
    assert again.goal == found.goal
