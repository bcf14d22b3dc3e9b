"""The decision on a metric that is estimated, because ground truth is missing."""

from __future__ import annotations

from typing import Any

from tests.support.drift_checks import (
    DAY,
    FALLEN,
    HOUR,
    NOON,
    conclude,
    decided,
    estimated,
    measured,
)

ON_ESTIMATE: dict[str, Any] = {"on": ("estimated_performance",)}


def test_an_estimate_that_fell_is_a_trigger_where_the_model_retrains_on_it() -> None:
    fell = conclude(estimate=estimated(0.6, 0.8), **ON_ESTIMATE)
    assert (fell.verdict, fell.outcome) == ("no_drift", "retraining_starts")
    assert fell.triggers == ("estimated_performance",)
    assert "f1 estimated at 0.600 against 0.800, and too few labels to measure it" in fell.reason
    for quiet in (
        conclude(estimate=estimated(0.6, 0.8, enabled=False)),
        conclude(estimate=estimated(0.7, 0.8, worse=False), **ON_ESTIMATE),
        # Ground truth has the last word, whatever it says.
        conclude(estimate=estimated(0.6, 0.8), performance=measured(0.8, 0.8), **ON_ESTIMATE),
    ):
        assert (quiet.triggers, quiet.outcome) == ((), "nothing_moved")
    known = conclude(estimate=estimated(0.6, 0.8), performance=FALLEN, **ON_ESTIMATE)
    assert (known.triggers, known.outcome) == (("performance",), "trigger_not_enabled")


def test_an_estimate_obeys_the_rules_of_other_triggers() -> None:
    fell = estimated(0.6, 0.8)
    by_estimate = ("estimated_performance",)
    few = conclude(estimate=fell, labelled=39, **ON_ESTIMATE)
    assert few.outcome == "too_few_labels"
    alone = conclude(estimate=fell, consecutive=2, **ON_ESTIMATE)
    assert alone.outcome == "not_confirmed"
    history = [decided(NOON - DAY, by_estimate, "no_drift")]
    enough = conclude(estimate=fell, history=history, consecutive=2, **ON_ESTIMATE)
    assert enough.because == by_estimate
    history = [decided(NOON - HOUR, by_estimate, "no_drift", started=True)]
    soon = conclude(estimate=fell, history=history, cooldown=6 * HOUR, **ON_ESTIMATE)
    assert soon.outcome == "cooldown"
    history = [decided(NOON - DAY, by_estimate, "no_drift", started=True)]
    lost = conclude(estimate=fell, history=history, labelled=79, **ON_ESTIMATE)
    assert (lost.outcome, lost.lost) == ("backoff", {"estimated_performance": 1})
