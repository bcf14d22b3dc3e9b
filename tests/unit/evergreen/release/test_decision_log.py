"""Records of decisions: their keys, their order and their text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from evergreen.release.decision_log import DecisionRecord, decision_key
from tests.support.release_bench import comparison

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def record(decided_at: datetime, challenger: str = "7") -> DecisionRecord:
    return DecisionRecord(
        model="fruit",
        decision="promote",
        decided_at=decided_at,
        challenger=challenger,
        champion=None,
        reason="first",
        comparison=comparison(),
        dataset_id="ds-7",
        run_id="run",
        execution=None,
    )


def test_a_decision_is_filed_under_its_model_time_and_challenger() -> None:
    key = decision_key(record(NOON))
    assert key == "decisions/model=fruit/2026-03-01T12:00:00.000000Z-7.json"


@given(st.timedeltas(timedelta(microseconds=1), timedelta(days=4000)), st.integers(1, 99))
def test_decisions_are_listed_in_the_order_they_were_made(later: timedelta, version: int) -> None:
    assert decision_key(record(NOON, "99")) < decision_key(record(NOON + later, str(version)))


def test_a_decision_record_comes_back_from_json() -> None:
    made = record(NOON)
    assert DecisionRecord.model_validate_json(made.model_dump_json()) == made
