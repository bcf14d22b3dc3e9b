"""What a version's drift has led to is remembered until another version serves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from evergreen.drift.policy.memory import DriftMemory, memory_at
from tests.support.drift_checks import DAY, NOON, conclude, context, decided, features

STARTED: dict[str, Any] = {"started": True, "drifted_features": ("b", "a")}


def at(last: Any, *, drifted: bool = True, skipped: bool = False, version: str = "1") -> Any:
    return memory_at(context(version=version), last, drifted=drifted, last_was_skipped=skipped)


def test_the_first_drifted_window_is_the_beginning() -> None:
    assert at(None, drifted=False) == DriftMemory()
    assert at(None) == DriftMemory(since=NOON - DAY)
    known = decided(NOON - DAY, drift_since=NOON - 9 * DAY)
    assert at(known) == at(known, drifted=False) == DriftMemory(since=NOON - 9 * DAY)


def test_no_drift_of_a_version_began_before_it_served() -> None:
    """The window may reach years further back, and the wait would be as long."""
    for promoted_at, began in ((NOON - DAY / 2, NOON - DAY / 2), (NOON - 9 * DAY, NOON - DAY)):
        found = memory_at(
            context(), None, drifted=True, last_was_skipped=False, promoted_at=promoted_at
        )
        assert found == DriftMemory(since=began)


def test_a_start_that_left_the_version_in_place_is_remembered() -> None:
    began = NOON - 9 * DAY
    last = decided(NOON - DAY, drift_since=began, drift_features_tried=("c",), **STARTED)
    assert at(last) == DriftMemory(began, NOON - DAY, frozenset("abc"))
    assert at(decided(NOON - DAY, **STARTED)).since == NOON - 2 * DAY


def test_what_was_not_tried_is_not_remembered() -> None:
    last = decided(NOON - DAY, drift_since=NOON - 9 * DAY, **STARTED)
    assert at(last, skipped=True) == DriftMemory(since=NOON - 9 * DAY)
    other = decided(NOON - DAY, ("performance",), drift_since=NOON - 9 * DAY, started=True)
    assert at(other) == DriftMemory(since=NOON - 9 * DAY)


def test_a_promotion_ends_it() -> None:
    last = decided(NOON - DAY, drift_since=NOON - 9 * DAY, drift_tried=NOON - 3 * DAY, **STARTED)
    assert at(last, version="2") == DriftMemory(since=NOON - DAY)


def test_lost_retrainings_for_one_drift_lie_further_and_further_apart() -> None:
    """A drift that never harms is checked 400 days long, and starts few retrainings."""
    history: list[Any] = []
    started = []
    for day in range(400):
        moment = NOON + timedelta(days=day)
        decision = conclude(features("a"), history=history[-1:], about=context(moment))
        if decision.start_retraining:
            started.append(day)
        history.append(
            decided(
                moment,
                **decision.model_dump(exclude={"kind", "reason"} | SHARED)
                | {"started": decision.start_retraining},
            )
        )
    assert started == [0, 3, 15, 63, 255]


SHARED = {"triggers", "verdict", "start_retraining"}
