"""What a check remembers from the one before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evergreen.drift.detectors.univariate import UnivariateOutcome
from evergreen.drift.log import (
    CheckContext,
    DriftDecisionRecord,
    MultivariateTest,
    PerformanceTest,
)
from evergreen.drift.policy.budget_and_goal import Goal, remember
from evergreen.drift.policy.decision import decide
from evergreen.model_definition import Drift, Retraining

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LOST = NOON - 40 * DAY
GOAL: dict[str, Any] = {"goal": 0.5, "goal_version": "1", "goal_since": LOST}
LIMITED = Retraining(refill=10 * DAY, burst=2, on=("performance",))


def context(version: str = "1", at: datetime = NOON, rows: int = 500) -> CheckContext:
    return CheckContext(
        timestamp=at,
        reference_dataset_id="ds-0",
        subject_dataset_id=f"win-{at}",
        check_id=at.isoformat(),
        model="m",
        model_version=version,
        window_start=at - DAY,
        window_end=at,
        rows=rows,
    )


def before(days: float, *, version: str = "1", **decided: Any) -> DriftDecisionRecord:
    known = {"verdict": "no_drift", "start_retraining": False, "reason": "", **decided}
    about = context(version, NOON - days * DAY).model_dump()
    return DriftDecisionRecord.model_validate({**about, **known})


def measured(value: float, promoted: float, metric: str = "f1", *, worse: Any) -> PerformanceTest:
    return PerformanceTest(
        metric=metric,
        drifted=worse,
        value=value,
        interval_low=value - 0.05,
        interval_high=value + 0.05,
        threshold=promoted,
        labelled_rows=500,
    )


@pytest.mark.parametrize(
    ("left", "days", "budget"), [(0.0, 5, 0.5), (0.5, 5, 1.0), (1.5, 20, 2.0), (2.0, 1, 2.0)]
)
def test_a_budget_grows_with_time_up_to_the_burst(left: float, days: float, budget: float) -> None:
    last = before(days, budget_left=left)
    assert remember(context(), None, LIMITED, last).budget == pytest.approx(budget)


def test_a_model_begins_with_all_that_can_be_saved() -> None:
    assert remember(context(), None, LIMITED, None).budget == 2
    assert remember(context(), None, LIMITED, before(1)).budget == 2
    assert remember(context(), None, Retraining(), before(1, budget_left=0.0)).budget is None


def test_a_retraining_costs_one_and_a_spent_budget_starts_none() -> None:
    degraded = measured(0.3, 0.5, worse=True)
    first = conclude(degraded, before(1, budget_left=1.0))
    assert first.start_retraining
    assert first.budget_left == pytest.approx(0.1)
    second = conclude(degraded, before(1, budget_left=0.3))
    assert not second.start_retraining
    assert "of the budget 0.40 retrainings are left" in second.reason
    assert second.budget_left == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("value", "left", "starts"),
    [
        (0.30, 1.0, True),  # surely worse by more than a tenth: 0.35 against 0.50
        (0.41, 1.0, False),  # surely worse, but perhaps by less
        (0.41, 1.9, True),
    ],
)
def test_the_last_of_a_budget_is_kept_for_a_loss_that_matters(
    value: float, left: float, *, starts: bool
) -> None:
    last = before(1, budget_left=left)
    decision = conclude(measured(value, 0.5, worse=True), last)
    assert decision.start_retraining == starts
    assert decision.triggers == ("performance",)
    kept = "the last one is kept for a loss of more than 10%"
    assert (kept in decision.reason) != starts


def test_without_ground_truth_or_a_saved_one_the_last_of_a_budget_is_spent_on_drift() -> None:
    both = Retraining(refill=10 * DAY, burst=2, on=("data_drift", "performance"))
    last = before(1, budget_left=1.0)
    assert conclude(None, last, policy=both, drifted=True).start_retraining
    fine = measured(0.5, 0.5, worse=False)
    assert not conclude(fine, last, policy=both, drifted=True).start_retraining
    one = both.model_copy(update={"burst": 1})
    assert conclude(fine, last, policy=one, drifted=True).start_retraining
    inputs = both.model_copy(update={"on": ("data_drift",)})
    assert conclude(fine, last, policy=inputs, drifted=True).start_retraining


def test_what_was_skipped_is_given_back_and_was_no_try() -> None:
    since = {"goal_since": NOON - 3 * DAY}
    last = before(1, **GOAL | since, start_retraining=True, budget_left=0.2)
    for skipped, budget, tried in ((False, 0.3, last.timestamp), (True, 1.3, None)):
        memory = remember(
            context(), measured(0.4, 0.4, worse=False), LIMITED, last, last_was_skipped=skipped
        )
        assert memory.budget == pytest.approx(budget)
        assert memory.goal is not None
        assert memory.goal.tried == tried
    full = before(1, start_retraining=True, budget_left=1.5)
    assert remember(context(), None, LIMITED, full, last_was_skipped=True).budget == 2


def test_too_little_data_forgets_nothing() -> None:
    last = before(1, budget_left=0.3, goal=0.5, goal_version="7")
    decision = conclude(None, last, rows=3)
    assert decision.verdict == "insufficient_data"
    assert (decision.budget_left, decision.goal) == (pytest.approx(0.4), 0.5)
    assert decision.goal_version == "7"


def test_a_version_that_degraded_leaves_a_goal_to_its_successor() -> None:
    first = conclude(measured(0.3, 0.5, worse=True), None)
    assert (first.goal, first.goal_version, first.goal_since) == (0.5, "1", NOON - DAY)
    # The successor does as well as on its own holdout, and not as well as its predecessor once did.
    last = before(20, **GOAL, start_retraining=True, budget_left=1.0)
    again = conclude(measured(0.4, 0.4, worse=False), last, version="2")
    assert again.triggers == ("performance",)
    assert again.start_retraining
    assert "f1 0.400 has not regained 0.500" in again.reason


@pytest.mark.parametrize(
    ("metric", "value", "kept"),
    [("f1", 0.49, True), ("f1", 0.5, False), ("rmse", 0.51, True), ("rmse", 0.5, False)],
)
def test_a_goal_stays_until_the_version_that_lost_it_is_back_there(
    metric: str, value: float, *, kept: bool
) -> None:
    now = measured(value, value, metric, worse=False)
    found = remember(context(), now, LIMITED, before(1, **GOAL)).goal
    assert found == (Goal(0.5, "1", since=LOST) if kept else None)


@pytest.mark.parametrize(
    ("metric", "value", "regained"),
    [("f1", 0.44, False), ("f1", 0.46, True), ("rmse", 0.56, False), ("rmse", 0.54, True)],
)
def test_a_successor_regains_a_goal_that_it_is_not_surely_below(
    metric: str, value: float, *, regained: bool
) -> None:
    now = measured(value, value, metric, worse=False)  # give or take 0.05
    last = before(1, version="2", **GOAL)
    assert remember(context("2"), now, LIMITED, last).regained == regained


def test_a_challenger_that_won_and_falls_short_is_followed_by_another_at_once() -> None:
    last = before(20, **GOAL, start_retraining=True)
    decision = conclude(measured(0.4, 0.4, worse=False), last, version="2")
    assert (decision.triggers, decision.start_retraining) == (("performance",), True)
    assert (decision.goal_tried, decision.goal_against) == (last.timestamp, "1")


def test_after_a_challenger_that_lost_the_next_waits_until_there_is_more_to_learn() -> None:
    poor = measured(0.4, 0.4, worse=False)
    # Tried two days after it was lost: with three and a half there is nearly twice as much to see.
    since, tried = NOON - 3 * DAY, NOON - DAY
    lost = before(1, version="2", **GOAL | {"goal_since": since}, start_retraining=True)
    waiting = conclude(poor, lost, version="2")
    assert (waiting.triggers, waiting.start_retraining) == ((), False)  # old news alarm no one
    assert (waiting.goal, waiting.goal_tried, waiting.goal_against) == (0.5, tried, "2")
    again = {"goal_since": since, "goal_tried": tried, "goal_against": "2"}
    for days, starts in ((3.4, False), (3.5, True)):
        at = since + days * DAY
        last = before(0.9, version="2", **GOAL | again)
        decision = conclude(poor, last, version="2", at=at)
        assert decision.start_retraining == starts
        assert ("performance" in decision.triggers) == starts


def test_a_version_that_stays_degraded_stays_an_alarm_while_its_challengers_lose() -> None:
    degraded = measured(0.3, 0.5, worse=True)
    again = {"goal_since": NOON - 3 * DAY, "goal_tried": NOON - DAY, "goal_against": "1"}
    decision = conclude(degraded, before(0.5, **GOAL | again))
    assert (decision.triggers, decision.start_retraining) == (("performance",), False)
    assert "the last challenger lost, the next is worth a try at 2026-03-02 00:00" in (
        decision.reason
    )


def test_another_version_that_degrades_is_a_new_story() -> None:
    degraded = measured(0.3, 0.45, worse=True)
    again = {"goal_since": NOON - 30 * DAY, "goal_tried": NOON - DAY, "goal_against": "2"}
    decision = conclude(degraded, before(1, version="2", **GOAL | again), version="2")
    assert decision.start_retraining
    assert (decision.goal, decision.goal_version, decision.goal_since) == (0.5, "2", NOON - DAY)
    assert decision.goal_tried is None


def test_a_successor_that_regains_a_goal_is_challenged_once_more_when_there_is_more_to_learn() -> (
    None
):
    good = measured(0.6, 0.4, worse=False)
    since, tried = NOON - 4 * DAY, NOON - 2 * DAY
    won = {**GOAL, "goal_since": since, "goal_tried": tried, "goal_against": "1"}
    early = conclude(good, before(1, version="2", **won), version="2", at=NOON - DAY)
    assert not early.start_retraining
    later = before(0.1, version="2", **won, budget_left=2.0)
    decision = conclude(good, later, version="2")
    assert (decision.verdict, decision.triggers) == ("no_drift", ())  # nothing to alarm anyone of
    assert decision.start_retraining
    assert (
        "f1 0.600 is not surely worse than 0.500, and no challenger has lost since"
        in decision.reason
    )
    # It costs the same budget, waits for the same cooldown, and is remembered until it can be.
    waiting = conclude(good, before(0.1, version="2", **won, budget_left=0.3), version="2")
    assert not waiting.start_retraining
    assert "of the budget 0.31 retrainings are left" in waiting.reason
    assert (waiting.goal, waiting.goal_version) == (0.5, "1")
    lost = before(1, version="2", **won, start_retraining=True, budget_left=1.0)
    over = conclude(good, lost, version="2")
    assert (over.goal, over.goal_version, over.start_retraining) == (None, None, False)


def test_a_challenger_that_lost_is_known_once_there_are_labels_to_judge_by() -> None:
    lost = before(1, version="2", **GOAL, start_retraining=True)
    unknown = conclude(None, lost, version="2")
    assert (unknown.goal, unknown.goal_against) == (0.5, "2")
    kept = unknown.model_dump(include={"goal", "goal_version", "goal_since", "goal_tried"})
    last = before(0.5, version="2", **kept, goal_against="2")
    assert conclude(measured(0.6, 0.4, worse=False), last, version="2").goal is None


def test_a_model_that_does_not_retrain_on_performance_is_not_challenged_for_it() -> None:
    good = measured(0.6, 0.4, worse=False)
    last = before(20, version="2", **GOAL)
    assert conclude(good, last, version="2").start_retraining
    policy = Retraining(on=("data_drift",))
    assert not conclude(good, last, version="2", policy=policy).start_retraining


def test_the_best_of_several_goals_counts() -> None:
    last = before(1, **GOAL)
    found = remember(context(), measured(0.2, 0.4, worse=True), LIMITED, last).goal
    assert found == Goal(0.5, "1", since=LOST)
    now = measured(12.0, 10.0, "rmse", worse=True)
    found = remember(context(), now, LIMITED, before(1, **GOAL | {"goal": 8.0})).goal
    assert found == Goal(8.0, "1", since=LOST)


def test_without_labels_a_goal_waits() -> None:
    decision = conclude(None, before(1, **GOAL))
    assert (decision.goal, decision.triggers) == (0.5, ())


def conclude(
    performance: PerformanceTest | None,
    last: DriftDecisionRecord | None,
    *,
    version: str = "1",
    at: datetime = NOON,
    rows: int = 500,
    policy: Retraining = LIMITED,
    drifted: bool = False,
) -> Any:
    return decide(
        context(version, at, rows),
        UnivariateOutcome((), None),
        MultivariateTest(
            drifted=drifted,
            model_accuracy=0.5,
            threshold=0.525,
            auc=0.5,
            p_value=0.5,
            rows_per_side=500,
        ),
        performance,
        drift=Drift(),
        retraining=policy,
        history=[last] if last else [],
    )
