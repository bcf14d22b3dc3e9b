"""The budget of retrainings from one check to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.drift.policy.budget import Budget, budget_at
from evergreen.model_definition import Retraining
from tests.support.drift_checks import DAY, NOON, context, decided

if TYPE_CHECKING:
    from datetime import timedelta

LIMITED = Retraining(refill=10 * DAY, burst=2)
BY_RESULTS = Retraining()


def at(
    last: Any,
    policy: Retraining = LIMITED,
    *,
    skipped: bool = False,
    version: str = "1",
    pace: timedelta = 10 * DAY,
) -> Budget:
    about = context(NOON, version=version)
    return budget_at(about, policy, last, pace=pace, last_was_skipped=skipped)


@pytest.mark.parametrize(
    ("left", "days", "budget"), [(0.0, 5, 0.5), (0.5, 5, 1.0), (1.5, 20, 2.0), (2.0, 1, 2.0)]
)
def test_a_budget_grows_with_time_up_to_the_burst(left: float, days: float, budget: float) -> None:
    last = decided(NOON - days * DAY, budget_left=left)
    assert at(last).left == pytest.approx(budget)


def test_a_model_begins_with_all_that_can_be_saved() -> None:
    assert at(None).left == 2
    assert at(decided(NOON - DAY)).left == 2


def test_without_refill_it_begins_with_one_and_grows_with_the_pace_of_the_rows() -> None:
    assert at(None, BY_RESULTS).left == at(decided(NOON - DAY), BY_RESULTS).left == 1
    assert at(decided(NOON - DAY, budget_left=0.5), BY_RESULTS).left == pytest.approx(0.6)
    assert at(decided(NOON - 20 * DAY, budget_left=0.5), BY_RESULTS).left == 2
    at_once = decided(NOON - DAY, budget_left=0.0)
    assert at(at_once, BY_RESULTS, pace=0 * DAY).left == pytest.approx(1)


def test_another_version_gives_back_one_and_a_half() -> None:
    started = decided(NOON - DAY, started=True, budget_left=0.2)
    assert at(started, BY_RESULTS, version="2").left == pytest.approx(0.2 + 0.1 + 1.5)
    assert at(started, version="2").left == pytest.approx(0.3)


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_where_no_time_passes_at_most_a_third_and_one_are_lost(wins: list[bool]) -> None:
    """Whatever comes of the retrainings, whether or not they may start depends on it."""
    last, won, lost, version = None, 0, 0, 1
    for win in wins:
        budget = at(last, BY_RESULTS, version=str(version), pace=10_000 * DAY)
        started = budget.covers(1)
        left = budget.after(started=started)
        last = decided(NOON, started=started, version=str(version), budget_left=left)
        won, lost = won + (started and win), lost + (started and not win)
        version += started and win
        assert lost <= 1 + won / 2


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
