"""What is remembered of lost retrainings, and what a drift that does no harm costs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from evergreen.drift.policy.memory import LostRetrainings, lost_retrainings_at
from tests.support.drift_checks import DAY, NOON, conclude, context, decided, features

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.drift.records import DriftDecisionRecord

STARTED: dict[str, Any] = {"started": True, "drifted_features": ("a", "b")}
KNOWN: dict[str, Any] = {
    "lost": {"new_rows": 2},
    "lost_at": NOON - 9 * DAY,
    "lost_features": ("c",),
}


def at(
    last: DriftDecisionRecord | None, *, version: str = "1", skipped: bool = False
) -> LostRetrainings:
    return lost_retrainings_at(context(NOON, version=version), last, last_was_skipped=skipped)


def test_nothing_is_remembered_of_a_version_that_no_challenger_met() -> None:
    for last in (None, decided(NOON - DAY), decided(NOON - DAY, **KNOWN, version="0")):
        assert at(last) == LostRetrainings()


def test_a_retraining_that_did_not_replace_the_version_is_lost_on_each_ground() -> None:
    last = decided(NOON - DAY, because=("data_drift", "new_rows"), **STARTED, **KNOWN)
    found = at(last)
    assert found == LostRetrainings({"new_rows": 3, "data_drift": 1}, NOON - DAY, frozenset("abc"))
    assert [found.of(ground) for ground in ("data_drift", "performance")] == [1, 0]
    assert at(last, version="2") == LostRetrainings()


def test_a_skipped_retraining_and_a_check_that_starts_none_change_nothing() -> None:
    known = LostRetrainings({"new_rows": 2}, NOON - 9 * DAY, frozenset("c"))
    assert at(decided(NOON - DAY, **KNOWN)) == known
    assert at(decided(NOON - DAY, **STARTED, **KNOWN), skipped=True) == known


def test_what_is_recorded_is_read_back() -> None:
    lost = LostRetrainings({"performance": 2}, NOON - DAY, frozenset("ab"))
    assert at(decided(NOON, **lost.to_record())) == lost


def test_a_drift_that_does_no_harm_costs_one_retraining_each_time_the_rows_double() -> None:
    """A row is labelled each hour, a check made each day, and no challenger wins."""
    history: list[Any] = []
    started: list[int] = []

    for day in range(400):
        moment = NOON + day * DAY

        def hours(since: datetime | None, now: datetime = moment) -> int:
            return int((now - (since or NOON)) / timedelta(hours=1))

        decision = conclude(
            features("a"),
            history=history[-1:],
            about=context(moment),
            labelled=hours,
            on=("data_drift",),
        )
        if decision.start_retraining:
            started.append(day)
        told = decision.model_dump(exclude={"kind", "reason", "triggers", "verdict", "because"})
        history.append(decided(moment, **told | {"started": told.pop("start_retraining")}))
    # 100 rows are needed, then 200, 400, ..., since the one before.
    assert started == [5, 14, 31, 65, 132, 266]
