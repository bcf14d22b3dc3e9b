"""What a check remembers from the one before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evergreen.drift.decision import decide
from evergreen.drift.memory import Goal, remember
from evergreen.drift.records import (
    CheckContext,
    DecisionRecord,
    MultivariateTest,
    PerformanceTest,
)
from evergreen.drift.univariate import UnivariateOutcome
from evergreen.model_definition import Drift, Retraining

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
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


def before(days: float, *, version: str = "1", **decided: Any) -> DecisionRecord:
    known = {"verdict": "no_drift", "start_retraining": False, "reason": "", **decided}
    about = context(version, NOON - days * DAY).model_dump()
    return DecisionRecord.model_validate({**about, **known})


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


def test_too_little_data_forgets_nothing() -> None:
    last = before(1, budget_left=0.3, goal=0.5, goal_version="7")
    decision = conclude(None, last, rows=3)
    assert decision.verdict == "insufficient_data"
    assert (decision.budget_left, decision.goal) == (pytest.approx(0.4), 0.5)
    assert decision.goal_version == "7"


def test_a_version_that_degraded_leaves_a_goal_to_its_successor() -> None:
    first = conclude(measured(0.3, 0.5, worse=True), None)
    assert (first.goal, first.goal_version) == (0.5, "1")
    # The successor does as well as on its own holdout, and not as well as its predecessor once did.
    last = before(20, goal=0.5, start_retraining=True, budget_left=1.0)
    again = conclude(measured(0.4, 0.4, worse=False), last, version="2")
    assert again.triggers == ("performance",)
    assert again.start_retraining
    assert "f1 0.400 has not regained 0.500" in again.reason


@pytest.mark.parametrize(
    ("metric", "value", "goal", "kept"),
    [
        ("f1", 0.49, 0.5, 0.5),
        ("f1", 0.5, 0.5, None),
        ("rmse", 11, 10.0, 10.0),
        ("rmse", 9, 10, None),
    ],
)
def test_a_goal_stays_until_the_version_that_lost_it_is_back_there(
    metric: str, value: float, goal: float, kept: float | None
) -> None:
    now = measured(value, value, metric, worse=False)
    last = before(1, goal=goal, goal_version="1")
    found = remember(context(), now, LIMITED, last).goal
    assert found == (None if kept is None else Goal(kept, "1"))


def test_a_successor_that_regains_a_goal_is_challenged_until_a_challenger_loses() -> None:
    good = measured(0.6, 0.4, worse=False)
    again: dict[str, Any] = {"goal": 0.5, "goal_version": "1"}
    promoted = before(20, **again, start_retraining=True, budget_left=1.0)
    decision = conclude(good, promoted, version="2")
    assert (decision.verdict, decision.triggers) == ("no_drift", ())  # nothing to alarm anyone of
    assert decision.start_retraining
    assert "f1 0.600 has regained 0.500, and no challenger has lost since" in decision.reason
    # It cost the same budget, waits for the same cooldown, and is remembered until it can be.
    waiting = conclude(good, before(1, version="2", **again, budget_left=0.3), version="2")
    assert not waiting.start_retraining
    assert "of the budget 0.40 retrainings are left" in waiting.reason
    assert (waiting.goal, waiting.goal_version) == (0.5, "1")
    lost = before(1, version="2", **again, start_retraining=True, budget_left=1.0)
    over = conclude(good, lost, version="2")
    assert (over.goal, over.goal_version, over.start_retraining) == (None, None, False)


def test_a_model_that_does_not_retrain_on_performance_is_not_challenged_for_it() -> None:
    good = measured(0.6, 0.4, worse=False)
    last = before(20, goal=0.5, goal_version="1", start_retraining=True)
    policy = Retraining(on=("data_drift",))
    assert not conclude(good, last, version="2", policy=policy).start_retraining


def test_the_best_of_several_goals_counts() -> None:
    last = before(1, goal=0.5)
    found = remember(context(), measured(0.2, 0.4, worse=True), LIMITED, last).goal
    assert found == Goal(0.5, "1")
    last = before(1, goal=8.0)
    now = measured(12.0, 10.0, "rmse", worse=True)
    assert remember(context(), now, LIMITED, last).goal == Goal(8.0, "1")


def test_a_goal_is_given_up_when_a_challenger_for_it_has_lost() -> None:
    lost = before(1, goal=0.5, start_retraining=True)
    assert remember(context(), measured(0.4, 0.4, worse=False), LIMITED, lost).goal is None


def test_without_labels_a_goal_waits() -> None:
    decision = conclude(None, before(1, goal=0.5))
    assert (decision.goal, decision.triggers) == (0.5, ())


def conclude(
    performance: PerformanceTest | None,
    last: DecisionRecord | None,
    *,
    version: str = "1",
    rows: int = 500,
    policy: Retraining = LIMITED,
) -> Any:
    return decide(
        context(version, rows=rows),
        UnivariateOutcome((), None),
        MultivariateTest(
            drifted=False,
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
