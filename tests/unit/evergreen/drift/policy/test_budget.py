"""The budget of retrainings from one check to the next."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.drift.policy.budget import Budget, budget_at
from evergreen.model_definition import Retraining
from tests.support.drift_checks import DAY, NOON, context, decided

LIMITED = Retraining(refill=10 * DAY, burst=2)


def at(last: Any, *, skipped: bool = False) -> Budget:
    budget = budget_at(context(NOON), LIMITED, last, last_was_skipped=skipped)
    assert budget is not None
    return budget


@pytest.mark.parametrize(
    ("left", "days", "budget"), [(0.0, 5, 0.5), (0.5, 5, 1.0), (1.5, 20, 2.0), (2.0, 1, 2.0)]
)
def test_a_budget_grows_with_time_up_to_the_burst(left: float, days: float, budget: float) -> None:
    last = decided(NOON - days * DAY, budget_left=left)
    assert at(last).left == pytest.approx(budget)


def test_a_model_begins_with_all_that_can_be_saved() -> None:
    assert at(None).left == 2
    assert at(decided(NOON - DAY)).left == 2


def test_without_refill_there_is_none() -> None:
    for last in (None, decided(NOON - DAY, budget_left=0.2)):
        assert budget_at(context(NOON), Retraining(), last) is None


def test_a_retraining_that_was_skipped_is_given_back() -> None:
    last = decided(NOON - DAY, started=True, budget_left=0.2)
    assert at(last).left == pytest.approx(0.3)
    assert at(last, skipped=True).left == pytest.approx(1.3)
    full = decided(NOON - DAY, started=True, budget_left=1.5)
    assert at(full, skipped=True).left == 2


@pytest.mark.parametrize(("left", "covered"), [(0.99, 0), (1.0, 1), (1 - 1e-9, 1), (1.99, 1)])
def test_only_whole_retrainings_can_be_started(left: float, covered: int) -> None:
    budget = Budget(left)
    assert [budget.covers(count) for count in (1, 2)] == [covered >= 1, covered >= 2]


@given(st.floats(0, 100), st.booleans())
def test_a_start_takes_one_and_nothing_else_does(left: float, started: bool) -> None:
    after = Budget(left).after(started=started)
    assert after == (max(left - 1, 0) if started else left)
