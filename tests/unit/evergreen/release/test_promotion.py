"""What needs no server; promotions themselves are tested on real ones in tests/integration."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from evergreen.evaluation.comparison import Comparison
from evergreen.registry.reader import RegisteredVersion
from evergreen.release.decision_log import DecisionRecord, decision_key
from evergreen.release.promotion import candidate_pointer

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHALLENGER = RegisteredVersion(
    model="fruit",
    version="7",
    run_id="run",
    dataset_id="ds-7",
    bundle_uri="s3://bucket/bundles/fruit/7/",
    bundle_sha256="abc",
)


def record(decided_at: datetime, challenger: str = "7") -> DecisionRecord:
    return DecisionRecord(
        model="fruit",
        decision="promote",
        decided_at=decided_at,
        challenger=challenger,
        champion=None,
        reason="first",
        comparison=Comparison(
            decision="promote",
            metric="f1",
            metric_champion=None,
            metric_challenger=0.5,
            probability_better=None,
            interval=None,
            rows=10,
            reason="first",
        ),
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


def test_the_pointer_is_made_of_what_the_registry_knows() -> None:
    pointer = candidate_pointer(CHALLENGER, promoted_at=NOON, metric=0.5, previous="6")
    assert pointer.version == "7"
    assert pointer.bundle_uri == CHALLENGER.bundle_uri
    assert pointer.sha256 == CHALLENGER.bundle_sha256
    assert pointer.reference_dataset_id == "ds-7"
    assert (pointer.metric, pointer.previous, pointer.promoted_at) == (0.5, "6", NOON)
