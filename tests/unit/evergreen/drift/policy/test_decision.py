"""The decision: its verdict, its triggers and its reason; other modules test what holds it up."""

from __future__ import annotations

from typing import Any

import pytest

from evergreen.drift.detectors.univariate import UnivariateResult
from tests.support.drift_checks import (
    BOTH,
    DAY,
    FALLEN,
    MIN_ROWS,
    NOON,
    conclude,
    context,
    decided,
    features,
    jointly,
)

FALL = NOON - 4 * DAY
GOAL: dict[str, Any] = {"goal": 0.5, "goal_version": "1", "goal_since": FALL}
TRIED: dict[str, Any] = GOAL | {"goal_tried": NOON - 2 * DAY}


def test_insufficient_data_is_the_outcome_whatever_the_tests_say() -> None:
    for about, joint, why in (
        (context(rows=MIN_ROWS - 1), jointly(drifted=True), "199 rows in the window, 200 needed"),
        (context(rows=0), jointly(drifted=True), "0 rows in the window, 200 needed"),
        (context(), jointly(drifted=True, rows_per_side=1), "1 rows in the reference, 20 needed"),
    ):
        decision = conclude(features("a"), joint, about=about)
        assert (decision.outcome, decision.verdict) == ("insufficient_data", "insufficient_data")
        assert (decision.start_retraining, decision.triggers) == (False, ())
        assert decision.reason == why
    assert conclude(features("a"), about=context(rows=MIN_ROWS)).verdict == "drift"


def test_nothing_moved() -> None:
    decision = conclude()
    assert (decision.outcome, decision.verdict) == ("nothing_moved", "no_drift")
    assert not decision.start_retraining
    assert decision.reason == (
        "0 of 3 features drifted; window told from reference with accuracy 0.500, within the limit "
        "of 0.525; no retraining: nothing moved, and 1000 of 5000 new labelled rows (half)"
    )


@pytest.mark.parametrize(
    ("on", "drifted", "fallen", "outcome"),
    [
        (("data_drift",), True, False, "retraining_starts"),
        (("data_drift",), False, True, "trigger_not_enabled"),
        (("performance",), True, False, "trigger_not_enabled"),
        (("performance",), False, True, "retraining_starts"),
        (BOTH, False, True, "retraining_starts"),
        ((), True, True, "trigger_not_enabled"),
    ],
)
def test_trigger_not_enabled(on: Any, drifted: bool, fallen: bool, outcome: str) -> None:
    decision = conclude(
        features("a") if drifted else features(), performance=FALLEN if fallen else None, on=on
    )
    assert decision.outcome == outcome
    assert decision.start_retraining is (outcome == "retraining_starts")
    assert ("data_drift" in decision.triggers) is drifted
    assert ("performance" in decision.triggers) is fallen
    assert decision.verdict == ("drift" if drifted else "no_drift")


def test_the_reason_names_what_the_model_does_not_retrain_on() -> None:
    decision = conclude(features("a"), performance=FALLEN, on=())
    assert decision.reason.endswith("the model does not retrain on data_drift or performance")


def test_drift_of_an_imported_model_is_told_and_starts_nothing() -> None:
    for last in (decided(NOON - DAY), decided(NOON - DAY, **TRIED)):
        decision = conclude(features("a"), performance=FALLEN, by="import", history=[last])
        assert (decision.verdict, decision.outcome) == ("drift", "trigger_not_enabled")
        assert not decision.start_retraining
        assert decision.reason.endswith("imported; `evergreen import` brings the next")


@pytest.mark.parametrize(
    ("names", "said"), [("abcde", "(a, b, c, d, e)"), ("abcdef", "(a, b, c, d, e, …)")]
)
def test_the_reason_names_five_features_at_most(names: str, said: str) -> None:
    drifted = features("a").tests[0]
    tests = tuple(drifted.model_copy(update={"feature_name": name}) for name in names)
    decision = conclude(UnivariateResult(tests, None))
    assert decision.reason.startswith(f"{len(names)} of {len(names)} features drifted {said}; ")


def test_retraining_starts_with_one_drifted_feature() -> None:
    decision = conclude(features("b"))
    assert (decision.outcome, decision.verdict) == ("retraining_starts", "drift")
    assert decision.start_retraining
    assert decision.drifted_features == ("b",)
    assert decision.triggers == ("data_drift",)
    assert "1 of 3 features drifted (b)" in decision.reason
    assert decision.because == ("data_drift",)
    assert decision.reason.endswith(
        "; retraining starts: 100 new labelled rows are enough for data_drift (a tenth)"
    )


def test_retraining_starts_with_a_drifted_joint_distribution() -> None:
    decision = conclude(multivariate=jointly(drifted=True))
    assert (decision.verdict, decision.start_retraining) == ("drift", True)
    assert decision.drifted_features == ()
    assert "above the limit" in decision.reason
