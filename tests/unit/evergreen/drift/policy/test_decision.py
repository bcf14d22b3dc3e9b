"""The rows of the decision: at least one test for each, and for what a decision records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from evergreen.drift.detectors.univariate import UnivariateResult
from tests.support.drift_checks import (
    DAY,
    HOUR,
    MIN_ROWS,
    NOON,
    conclude,
    context,
    decided,
    estimated,
    features,
    jointly,
    measured,
)

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from evergreen.drift.records import DriftDecision, UnivariateTest

BOTH = ("data_drift", "performance")
LIMITED: dict[str, Any] = {"on": BOTH, "refill": 10 * DAY, "burst": 2}
FALLEN = measured(0.3, 0.5, worse=True)
"""Surely worse by more than a tenth: 0.35 at best, against 0.50."""
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


def test_insufficient_data_keeps_budget_and_goal() -> None:
    last = decided(NOON - DAY, budget_left=0.3, **GOAL)
    decision = conclude(about=context(rows=3), history=[last], **LIMITED)
    assert decision.budget_left == pytest.approx(0.4)
    assert decision.model_dump(include=set(GOAL)) == GOAL


def test_nothing_moved() -> None:
    decision = conclude()
    assert (decision.outcome, decision.verdict) == ("nothing_moved", "no_drift")
    assert not decision.start_retraining
    assert decision.reason == (
        "0 of 3 features drifted; window told from reference with accuracy 0.500, within the limit "
        "of 0.525; no retraining: nothing moved"
    )


def test_nothing_moved_during_the_backoff_of_an_old_loss() -> None:
    """A version that does as well as at its own promotion alarms nobody during the backoff."""
    lost = decided(NOON - DAY, **TRIED | {"goal_against": "2"})
    at = NOON - 0.6 * DAY
    decision = conclude(
        performance=measured(0.4, 0.4), about=context(at, version="2"), history=[lost], **LIMITED
    )
    assert (decision.outcome, decision.triggers) == ("nothing_moved", ())


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


def test_not_confirmed_says_how_many_windows_are_in_a_row() -> None:
    history = [decided(NOON - DAY)]
    decision = conclude(features("a"), history=history, consecutive=3)
    assert (decision.outcome, decision.start_retraining) == ("not_confirmed", False)
    assert decision.reason.endswith("no retraining: 2 of 3 windows in a row")
    history += [decided(NOON - 2 * DAY)]
    assert conclude(features("a"), history=history, consecutive=3).start_retraining
    # What lies in the future of the check is not looked at.
    later = [decided(NOON - DAY), decided(NOON + DAY)]
    assert not conclude(features("a"), history=later, consecutive=3).start_retraining


def test_no_second_retraining_is_asked_for_while_one_runs() -> None:
    decision = conclude(features("a"), runs=True)
    assert (decision.outcome, decision.start_retraining) == ("retraining_runs", False)
    assert decision.verdict == "drift"
    assert decision.reason.endswith("no retraining: the model is being retrained")
    assert conclude(runs=True).outcome == "nothing_moved"


def test_any_one_enabled_trigger_confirms() -> None:
    history = [decided(NOON - DAY, ("performance",), "no_drift")]
    decision = conclude(features("a"), performance=FALLEN, history=history, consecutive=2, on=BOTH)
    assert decision.start_retraining
    decision = conclude(
        features("a"), performance=FALLEN, history=history, consecutive=2, on=("data_drift",)
    )
    assert decision.outcome == "not_confirmed"


@pytest.mark.parametrize(
    ("ago", "starts"), [(HOUR, False), (5.99 * HOUR, False), (6 * HOUR, True), (DAY, True)]
)
def test_cooldown(ago: timedelta, starts: bool) -> None:
    decision = conclude(
        features("a"), history=[decided(NOON - ago, started=True)], cooldown=6 * HOUR
    )
    assert decision.verdict == "drift"
    assert decision.outcome == ("retraining_starts" if starts else "cooldown")
    assert ("the cooldown is 6:00:00" in decision.reason) is not starts


def test_cooldown_counts_from_starts_only_and_over_all_versions_and_windows() -> None:
    assert conclude(features("a"), history=[decided(NOON - HOUR)]).start_retraining
    elsewhere = decided(NOON - HOUR, started=True, version="0", window=HOUR)
    assert conclude(features("a"), history=[elsewhere]).outcome == "cooldown"


def test_backoff_after_a_challenger_lost() -> None:
    lost = decided(NOON - DAY, **TRIED | {"goal_against": "1"})
    at = NOON - 0.6 * DAY
    decision = conclude(performance=FALLEN, about=context(at), history=[lost], **LIMITED)
    assert (decision.outcome, decision.triggers) == ("backoff", ("performance",))
    assert "the last challenger lost, the next is worth a try at 2026-03-01 00:00" in (
        decision.reason
    )
    due = conclude(performance=FALLEN, about=context(), history=[lost], **LIMITED)
    assert due.start_retraining


def test_drift_that_was_not_tried_has_no_backoff() -> None:
    lost = decided(NOON - DAY, **TRIED | {"goal_against": "1"})
    about = context(NOON - 0.6 * DAY)
    decision = conclude(features("a"), performance=FALLEN, about=about, history=[lost], **LIMITED)
    assert decision.start_retraining
    only = LIMITED | {"on": ("performance",)}
    decision = conclude(features("a"), performance=FALLEN, about=about, history=[lost], **only)
    assert decision.outcome == "backoff"


def after_lost_drift(at: datetime, *drifted: str, **fields: Any) -> DriftDecision:
    """Return the decision after a retraining for a drift of ``a`` that lost: 1 day of drift."""
    lost = decided(NOON, started=True, drifted_features=("a",), drift_since=NOON - DAY)
    policy = {name: fields.pop(name) for name in ("on",) if name in fields}
    return conclude(features(*drifted), history=[lost], about=context(at), **fields, **policy)


def test_backoff_after_a_drift_whose_challenger_lost() -> None:
    early, due = (after_lost_drift(NOON + days * DAY, "a") for days in (2.9, 3))
    assert (early.outcome, early.triggers) == ("backoff", ("data_drift",))
    assert "the last challenger lost, the next is worth a try at 2026-03-04 12:00" in early.reason
    assert due.outcome == "retraining_starts"
    assert (early.drift_since, early.drift_tried) == (NOON - DAY, NOON)
    assert early.drift_features_tried == ("a",)


def test_severe_drift_of_mostly_other_features_need_not_wait() -> None:
    assert after_lost_drift(NOON + DAY / 2, "b").start_retraining
    assert after_lost_drift(NOON + DAY / 2, "a", "b", "c").start_retraining
    assert after_lost_drift(NOON + DAY / 2, "a", "b").outcome == "backoff"
    slight = [replace_effect(test, 0.1) for test in features("b").tests]
    found = UnivariateResult(tuple(slight), None)
    lost = decided(NOON, started=True, drifted_features=("a",), drift_since=NOON - DAY)
    decision = conclude(found, history=[lost], about=context(NOON + DAY / 2))
    assert decision.outcome == "backoff"
    joint = after_lost_drift(NOON + DAY / 2, multivariate=jointly(drifted=True))
    assert joint.outcome == "backoff"  # the joint test names no feature that is new


def replace_effect(test: UnivariateTest, effect: float) -> UnivariateTest:
    return test.model_copy(update={"effect_size": effect})


@pytest.mark.parametrize(
    ("labelled", "fields", "outcome"),
    [
        (99, {}, "too_few_labels"),
        (100, {}, "retraining_starts"),
        (40, {"performance": FALLEN}, "retraining_starts"),
        (39, {"performance": FALLEN}, "too_few_labels"),
    ],
    ids=["few", "enough", "fallen", "fallen, few"],
)
def test_fewer_labelled_rows_will_do_after_a_fall(
    labelled: int, fields: dict[str, Any], outcome: str
) -> None:
    decision = conclude(features("a"), labelled=labelled, **fields)
    assert decision.outcome == outcome
    if outcome == "too_few_labels":
        needed = 40 if fields else 100
        assert f"no retraining: {labelled} new labelled rows, {needed} needed" in decision.reason


def test_a_metric_that_has_fallen_ends_the_wait_of_drift() -> None:
    for on in (("data_drift",), BOTH):
        decision = after_lost_drift(NOON + DAY / 2, "a", performance=FALLEN, on=on)
        assert decision.start_retraining, on
    well = after_lost_drift(NOON + DAY / 2, "a", performance=measured(0.5, 0.5), on=BOTH)
    assert well.outcome == "backoff"


def test_drift_and_a_lost_goal_wait_for_the_earlier_of_both() -> None:
    lost = decided(
        NOON,
        (*BOTH,),
        started=True,
        drifted_features=("a",),
        drift_since=NOON - 2 * DAY,
        goal=0.5,
        goal_version="1",
        goal_since=NOON - DAY,
    )
    decisions = [
        conclude(
            features("a"),
            performance=FALLEN,
            history=[lost],
            about=context(NOON + part * DAY),
            on=BOTH,
        )
        for part in (0.5, 0.8)
    ]
    assert [decision.outcome for decision in decisions] == ["backoff", "retraining_starts"]
    assert "at 2026-03-02 06:00" in decisions[0].reason


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


def test_a_budget_by_results_is_not_asked_when_the_metric_has_just_fallen_or_fallen_far() -> None:
    spent: dict[str, Any] = {"budget_left": 0.2}
    drift = conclude(features("a"), history=[decided(NOON - DAY, **spent)], pace=90 * DAY)
    assert drift.outcome == "budget_spent"
    assert drift.budget_left == pytest.approx(0.2 + 1 / 90)
    slight = measured(0.41, 0.5, worse=True)
    first = conclude(performance=slight, history=[decided(NOON - DAY, **spent)], pace=90 * DAY)
    assert (first.outcome, first.budget_left) == ("retraining_starts", 0)
    lost = GOAL | {"goal_tried": NOON - 8 * DAY, "goal_against": "1", "goal_since": NOON - 9 * DAY}
    known = [decided(NOON - DAY, **spent, **lost)]
    again = conclude(performance=slight, history=known, pace=90 * DAY)
    large = conclude(performance=FALLEN, history=known, pace=90 * DAY)
    assert [again.outcome, large.outcome] == ["budget_spent", "retraining_starts"]


def test_a_budget_by_results_keeps_nothing_for_a_large_loss() -> None:
    last = decided(NOON - DAY, budget_left=1.0)
    decision = conclude(features("a"), performance=measured(0.6, 0.5), history=[last])
    assert decision.start_retraining


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
    assert decision.reason.endswith("; retraining starts")


def test_retraining_starts_with_a_drifted_joint_distribution() -> None:
    decision = conclude(multivariate=jointly(drifted=True))
    assert (decision.verdict, decision.start_retraining) == ("drift", True)
    assert decision.drifted_features == ()
    assert "above the limit" in decision.reason


def test_retraining_starts_for_a_successor_below_the_goal_of_its_predecessor() -> None:
    last = decided(NOON - DAY, (), started=True, **GOAL)
    decision = conclude(
        performance=measured(0.4, 0.4), about=context(version="2"), history=[last], **LIMITED
    )
    assert (decision.triggers, decision.start_retraining) == (("performance",), True)
    assert decision.reason.endswith("; f1 0.400 has not regained 0.500; retraining starts")
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
    assert regained(on=("data_drift",)).outcome == "nothing_moved"


def test_the_challenger_of_a_regained_goal_is_paid_for_and_cools_down_like_any_other() -> None:
    spent = regained(budget_left=0.3)
    assert (spent.outcome, spent.goal) == ("budget_spent", 0.5)
    assert regained(budget_left=1.0).outcome == "budget_reserved"
    started = decided(NOON - 3 * HOUR, started=True)
    assert regained(earlier=[started]).outcome == "cooldown"


def test_a_skipped_retraining_changes_budget_and_goal() -> None:
    last = decided(NOON - DAY, started=True, budget_left=0.2, **GOAL)
    decisions = [
        conclude(performance=FALLEN, history=[last], skipped=skipped, **LIMITED)
        for skipped in (False, True)
    ]
    assert [decision.outcome for decision in decisions] == ["backoff", "retraining_starts"]
    assert [decision.budget_left for decision in decisions] == pytest.approx([0.3, 0.3])
    assert [decision.goal_tried for decision in decisions] == [last.timestamp, None]


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
    # An estimate is no sure fall: it waits for as many labelled rows as drift does.
    few = conclude(estimate=fell, labelled=99, **ON_ESTIMATE)
    assert (few.outcome, few.budget_left) == ("too_few_labels", 1)
    alone = conclude(estimate=fell, consecutive=2, **ON_ESTIMATE)
    assert alone.outcome == "not_confirmed"
    history = [decided(NOON - DAY, by_estimate, "no_drift")]
    assert conclude(estimate=fell, history=history, consecutive=2, **ON_ESTIMATE).start_retraining
    history = [decided(NOON - HOUR, by_estimate, "no_drift", started=True)]
    soon = conclude(estimate=fell, history=history, cooldown=6 * HOUR, **ON_ESTIMATE)
    assert soon.outcome == "cooldown"
    history = [decided(NOON - DAY, by_estimate, "no_drift", budget_left=0.0)]
    spent = conclude(estimate=fell, history=history, pace=9 * DAY, **ON_ESTIMATE)
    assert spent.outcome == "budget_spent"


def test_the_backoff_of_an_estimate_is_that_of_drift() -> None:
    first = conclude(estimate=estimated(0.6, 0.8), **ON_ESTIMATE)
    assert first.drift_since == NOON - DAY
    lost = decided(
        NOON, ("estimated_performance",), "no_drift", started=True, drift_since=NOON - DAY
    )
    early, due = (
        conclude(
            estimate=estimated(0.6, 0.8),
            history=[lost],
            about=context(NOON + days * DAY),
            **ON_ESTIMATE,
        )
        for days in (2.9, 3)
    )
    assert (early.outcome, early.drift_tried) == ("backoff", NOON)
    assert due.outcome == "retraining_starts"
