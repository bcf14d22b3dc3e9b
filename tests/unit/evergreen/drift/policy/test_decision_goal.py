"""The decision about a model that has a goal: what asks for a challenger, and what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.drift_checks import (
    BOTH,
    DAY,
    FALLEN,
    HOUR,
    NOON,
    conclude,
    context,
    decided,
    measured,
)

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.drift.records import DriftDecision

LIMITED: dict[str, Any] = {"on": BOTH, "refill": 10 * DAY, "burst": 2}
FALL = NOON - 4 * DAY
GOAL: dict[str, Any] = {"goal": 0.5, "goal_version": "1", "goal_since": FALL}
TRIED: dict[str, Any] = GOAL | {"goal_tried": NOON - 2 * DAY}


def test_insufficient_data_keeps_budget_and_goal() -> None:
    last = decided(NOON - DAY, budget_left=0.3, **GOAL)
    decision = conclude(about=context(rows=3), history=[last], **LIMITED)
    assert decision.budget_left == pytest.approx(0.4)
    assert decision.model_dump(include=set(GOAL)) == GOAL


def test_nothing_moved_during_the_backoff_of_an_old_loss() -> None:
    """A version that does as well as at its own promotion alarms nobody during the backoff."""
    lost = decided(NOON - DAY, **TRIED | {"goal_against": "2"})
    at = NOON - 0.6 * DAY
    decision = conclude(
        performance=measured(0.4, 0.4), about=context(at, version="2"), history=[lost], **LIMITED
    )
    assert (decision.outcome, decision.triggers) == ("nothing_moved", ())


def test_retraining_starts_for_a_successor_below_the_goal_of_its_predecessor() -> None:
    last = decided(NOON - DAY, (), started=True, **GOAL)
    early, decision = (
        conclude(
            performance=measured(0.4, 0.4),
            about=context(NOON + days * DAY, version="2"),
            history=[last],
            **LIMITED,
        )
        for days in (1, 1.25)
    )
    assert (early.triggers, early.outcome) == ((), "nothing_moved")
    assert (decision.triggers, decision.start_retraining) == (("performance",), True)
    assert "; f1 0.400 has not regained 0.500; retraining starts: 40 new" in decision.reason
    assert decision.because == ("performance",)
    assert (decision.goal_tried, decision.goal_against) == (last.timestamp, "1")


def regained(
    at: datetime = NOON, *, on: Any = BOTH, earlier: Any = (), **fields: Any
) -> DriftDecision:
    """Conclude a check in which version 2 is as good as the goal, and may be challenged."""
    won = decided(at - 2 * HOUR, (), "no_drift", **TRIED | {"goal_against": "1"} | fields)
    return conclude(
        performance=measured(0.6, 0.4),
        about=context(at, version="2"),
        history=[*earlier, won],
        **LIMITED | {"on": on, "consecutive": 3},
    )


def test_retraining_starts_once_more_when_the_goal_is_regained() -> None:
    assert regained(NOON - 0.6 * DAY).outcome == "nothing_moved"
    decision = regained()
    assert (decision.verdict, decision.triggers) == ("no_drift", ())  # nothing to alarm anyone of
    assert (decision.outcome, decision.start_retraining) == ("retraining_starts", True)
    assert (
        "f1 0.600 is not surely worse than 0.500, and no challenger has lost since"
        in decision.reason
    )
    assert decision.because == ("performance",)
    assert regained(on=("data_drift",)).outcome == "nothing_moved"


def test_the_challenger_of_a_regained_goal_is_paid_for_and_cools_down_like_any_other() -> None:
    spent = regained(budget_left=0.3)
    assert (spent.outcome, spent.goal) == ("budget_spent", 0.5)
    assert regained(budget_left=1.0).outcome == "budget_reserved"
    started = decided(NOON - 3 * HOUR, started=True)
    assert regained(earlier=[started]).outcome == "cooldown"


def test_a_skipped_retraining_changes_budget_and_goal() -> None:
    last = decided(NOON - DAY, ("performance",), started=True, budget_left=0.2, **GOAL)
    decisions = [
        conclude(performance=FALLEN, history=[last], skipped=skipped, labelled=79, **LIMITED)
        for skipped in (False, True)
    ]
    assert [decision.outcome for decision in decisions] == ["backoff", "retraining_starts"]
    assert [decision.budget_left for decision in decisions] == pytest.approx([0.3, 0.3])
    assert [decision.goal_tried for decision in decisions] == [last.timestamp, None]
