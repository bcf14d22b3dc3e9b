"""The rows of the decision: at least one test for each, and for what a decision records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.datasets.pace import RowsNeeded
from evergreen.drift.detectors.univariate import UnivariateResult
from tests.support.drift_checks import (
    DAY,
    HOUR,
    MIN_ROWS,
    NEEDED,
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
    from evergreen.events import Ground

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
        "of 0.525; no retraining: nothing moved, and 1000 of 5000 new labelled rows (half)"
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


def after_a_lost_one(
    *drifted: str,
    rows: int = 0,
    because: Any = ("data_drift",),
    earlier: Any = None,
    known: Any = None,
    **fields: Any,
) -> DriftDecision:
    """Conclude a check so many labelled rows after a retraining for a drift of ``a`` that lost."""
    lost = decided(
        NOON - DAY,
        started=True,
        because=because,
        drifted_features=("a",),
        lost=earlier or {},
        **known or {},
    )
    return conclude(
        features(*drifted),
        history=[lost],
        labelled=lambda since: 1000 if since is None else rows,
        **fields,
    )


def test_backoff_after_a_drift_whose_challenger_lost() -> None:
    early, due = (after_a_lost_one("a", rows=rows) for rows in (199, 200))
    assert (early.outcome, early.triggers, early.because) == ("backoff", ("data_drift",), ())
    assert early.reason.endswith(
        "; no retraining: 199 of 200 new labelled rows since the last challenger lost (a tenth, "
        "and 1 challenger has lost)"
    )
    assert (early.lost, early.lost_at, early.lost_features) == (
        {"data_drift": 1},
        NOON - DAY,
        ("a",),
    )
    assert (due.outcome, due.because) == ("retraining_starts", ("data_drift",))
    again = [after_a_lost_one("a", rows=rows, earlier={"data_drift": 2}) for rows in (799, 800)]
    assert [each.outcome for each in again] == ["backoff", "retraining_starts"]
    assert "and 3 challengers have lost" in again[0].reason


@given(
    labelled=st.integers(0, 20_000),
    more=st.integers(0, 20_000),
    lost=st.dictionaries(st.sampled_from(sorted(NEEDED)), st.integers(0, 6)),
    moved=st.booleans(),
    fallen=st.booleans(),
)
def test_more_rows_never_make_a_retraining_less_due(
    labelled: int, more: int, lost: dict[Ground, int], moved: bool, fallen: bool
) -> None:
    before = decided(NOON - DAY, lost=lost, lost_at=NOON - 2 * DAY, lost_features=("a",))
    performance = measured(0.3, 0.5, worse=True) if fallen else None
    found = features("a") if moved else features()
    first, second = (
        conclude(found, performance=performance, history=[before], labelled=rows)
        for rows in (labelled, labelled + more)
    )
    assert set(first.because) <= set(second.because)
    assert first.start_retraining is bool(first.because)
    candidates: dict[Ground, bool] = {
        "data_drift": moved,
        "performance": fallen,
        "new_rows": True,
    }
    for ground, there in candidates.items():
        doublings = lost.get(ground, 0)
        if ground == "new_rows":  # the data set grows: after the first one as many rows again
            doublings = max(doublings - 1, 0)
        enough = labelled >= NEEDED[ground].rows * 2**doublings
        assert (ground in first.because) is (there and enough)


def test_each_ground_has_its_own_lost_challengers() -> None:
    both = after_a_lost_one("a", because=BOTH, rows=79, performance=FALLEN, known=GOAL)
    assert both.lost == {"data_drift": 1, "performance": 1}
    drift = after_a_lost_one("a", rows=150, performance=FALLEN, on=BOTH)
    assert (drift.because, drift.lost) == (("performance",), {"data_drift": 1})


def test_severe_drift_of_mostly_other_features_need_not_wait() -> None:
    assert after_a_lost_one("b").because == ("data_drift",)
    assert after_a_lost_one("a", "b", "c").start_retraining
    assert after_a_lost_one("a", "b").outcome == "backoff"
    slight = [replace_effect(test, 0.1) for test in features("b").tests]
    found = UnivariateResult(tuple(slight), None)
    lost = decided(NOON - DAY, started=True, drifted_features=("a",))
    decision = conclude(found, history=[lost], labelled=100)
    assert decision.outcome == "backoff"
    joint = after_a_lost_one(multivariate=jointly(drifted=True))
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
        needed = "40 new labelled rows (a twentieth)" if fields else "100 new labelled rows (a ten"
        assert f"no retraining: {labelled} of {needed}" in decision.reason
    elif fields:
        assert decision.because == ("performance",)


def test_what_drift_has_lost_does_not_hold_up_the_answer_to_a_fall() -> None:
    fallen = after_a_lost_one("a", rows=40, earlier={"data_drift": 3}, performance=FALLEN, on=BOTH)
    assert (fallen.because, fallen.goal) == (("performance",), 0.5)
    well = after_a_lost_one("a", rows=40, performance=measured(0.5, 0.5), on=BOTH)
    assert well.outcome == "backoff"


@pytest.mark.parametrize("rows", [4999, 5000])
def test_new_rows_alone_start_a_retraining(rows: int) -> None:
    quiet = conclude(labelled=rows)
    seasonal = conclude(features("a"), labelled=rows, on=("performance", "new_rows"))
    alone = conclude(features("a"), labelled=rows, consecutive=2)
    assert (quiet.verdict, quiet.triggers) == ("no_drift", ())
    if rows == 5000:
        for decision in (quiet, seasonal, alone):
            assert decision.outcome == "retraining_starts"
            assert decision.because == ("new_rows",)
            assert decision.reason.endswith(
                "; retraining starts: 5000 new labelled rows are enough for new_rows (half)"
            )
    else:
        outcomes = [decision.outcome for decision in (quiet, seasonal, alone)]
        assert outcomes == ["nothing_moved", "trigger_not_enabled", "not_confirmed"]
    imported = conclude(labelled=rows, by="import")
    assert (imported.outcome, imported.reason[-13:]) == ("nothing_moved", "nothing moved")
    assert conclude(labelled=rows, on=BOTH).outcome == "nothing_moved"


def test_new_rows_of_a_model_that_ages_wait_for_fewer() -> None:
    aged = RowsNeeded(170, "better after 170")
    few, enough = (conclude(labelled=rows, aged=aged) for rows in (169, 170))
    assert few.reason.endswith(
        "; no retraining: nothing moved, and 169 of 170 new labelled rows (better after 170)"
    )
    assert enough.because == ("new_rows",)
    assert enough.reason.endswith(
        "170 new labelled rows are enough for new_rows (better after 170)"
    )
    again = after_a_lost_one(because=("new_rows",), rows=339, aged=aged)
    assert again.reason.endswith(
        "nothing moved, and 339 of 340 new labelled rows since the last challenger lost (better "
        "after 170, and 1 challenger has lost)"
    )


def test_all_grounds_on_which_a_retraining_starts_are_named() -> None:
    decision = conclude(features("a"), performance=FALLEN, labelled=5000)
    assert decision.because == ("data_drift", "performance", "new_rows")
    assert decision.reason.endswith(
        "; retraining starts: 5000 new labelled rows are enough for new_rows (half) and 100 new "
        "labelled rows are enough for data_drift (a tenth) and 40 new labelled rows are enough for "
        "performance (a twentieth)"
    )


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


@pytest.mark.parametrize(
    ("ago", "starts"), [(30 * DAY, False), (44.9 * DAY, False), (45 * DAY, True), (58 * DAY, True)]
)
def test_without_a_cooldown_a_check_lies_between_two_retrainings_for_a_finding(
    ago: timedelta, starts: bool
) -> None:
    history = [decided(NOON - ago, started=True)]
    decision = conclude(features("a"), history=history, every=30 * DAY)
    assert decision.outcome == ("retraining_starts" if starts else "cooldown")
    # A cooldown that is set holds as it is, and so does that of a model that is checked often.
    assert conclude(
        features("a"), history=history, every=30 * DAY, cooldown=29 * DAY
    ).start_retraining
    assert conclude(features("a"), history=history, every=HOUR).start_retraining


def test_new_rows_keep_their_own_pace() -> None:
    history = [decided(NOON - 30 * DAY, ("performance",), started=True)]
    needed = conclude(features("a"), history=history, every=30 * DAY, labelled=10**6)
    assert needed.outcome == "retraining_starts"
    assert "new_rows" in needed.because
    soon = [decided(NOON - 5 * HOUR, ("performance",), started=True)]
    assert conclude(history=soon, every=HOUR, labelled=10**6).outcome == "cooldown"


def test_new_rows_start_a_retraining_although_a_window_has_too_few_rows() -> None:
    few = context(rows=MIN_ROWS - 1)
    decision = conclude(features("a"), about=few, labelled=10**6)
    assert (decision.verdict, decision.outcome) == ("insufficient_data", "retraining_starts")
    # What so few rows seem to show is no finding.
    assert (decision.because, decision.triggers) == (("new_rows",), ())
    assert decision.drifted_features == ()
    assert f"{MIN_ROWS - 1} rows in the window, {MIN_ROWS} needed; retraining" in decision.reason
    waits = conclude(features("a"), about=few, labelled=10**6, on=("data_drift",))
    assert waits.outcome == "insufficient_data"
