"""The decision of a model whose retrainings have a budget."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.drift_checks import (
    BOTH,
    DAY,
    FALLEN,
    NOON,
    conclude,
    decided,
    features,
    measured,
)

LIMITED: dict[str, Any] = {"on": BOTH, "refill": 10 * DAY, "burst": 2}


def test_budget_spent() -> None:
    first = conclude(performance=FALLEN, history=[decided(NOON - DAY, budget_left=1.0)], **LIMITED)
    assert first.outcome == "retraining_starts"
    assert first.budget_left == pytest.approx(0.1)
    second = conclude(performance=FALLEN, history=[decided(NOON - DAY, budget_left=0.3)], **LIMITED)
    assert (second.outcome, second.start_retraining) == ("budget_spent", False)
    assert "of the budget 0.40 retrainings are left" in second.reason
    assert second.budget_left == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("value", "left", "outcome"),
    [
        (0.30, 1.0, "retraining_starts"),
        (0.41, 1.0, "budget_reserved"),  # surely worse, but perhaps by less than a tenth
        (0.41, 1.9, "retraining_starts"),
    ],
)
def test_budget_reserved(value: float, left: float, outcome: str) -> None:
    last = decided(NOON - DAY, budget_left=left)
    decision = conclude(performance=measured(value, 0.5, worse=True), history=[last], **LIMITED)
    assert (decision.outcome, decision.triggers) == (outcome, ("performance",))
    kept = "the last one is kept for a loss of more than 10%"
    assert (kept in decision.reason) == (outcome == "budget_reserved")


def test_without_refill_there_is_no_budget() -> None:
    decision = conclude(features("a"), performance=measured(0.5, 0.5))
    assert (decision.start_retraining, decision.budget_left) == (True, None)
    assert conclude().budget_left is None


def test_budget_reserved_needs_ground_truth_a_saved_one_and_the_performance_trigger() -> None:
    last = decided(NOON - DAY, budget_left=1.0)
    fine = measured(0.5, 0.5)
    kept = conclude(features("a"), performance=fine, history=[last], **LIMITED)
    assert kept.outcome == "budget_reserved"
    for performance, policy in (
        (None, LIMITED),
        (fine.model_copy(update={"value": None}), LIMITED),
        (fine, LIMITED | {"burst": 1}),
        (fine, LIMITED | {"on": ("data_drift",)}),
    ):
        decision = conclude(features("a"), performance=performance, history=[last], **policy)
        assert decision.start_retraining


def test_one_retraining_is_kept_however_many_can_be_saved() -> None:
    for left, outcome in ((2.0, "retraining_starts"), (1.8, "budget_reserved")):
        last = decided(NOON - DAY, budget_left=left)
        decision = conclude(
            performance=measured(0.41, 0.5, worse=True), history=[last], **LIMITED | {"burst": 3}
        )
        assert decision.outcome == outcome
