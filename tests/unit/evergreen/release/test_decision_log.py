"""Records of decisions: their keys, their order and their text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.release.decision_log import DecisionRecord, decision_key, has_just_won
from tests.support.folder_bucket import Folder
from tests.support.release_bench import comparison

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.parametrize(
    ("newest", "won"),
    [
        ({}, True),
        ({"comparison": comparison(champion="6", probability_required=0.98)}, False),
        ({"comparison": comparison()}, False),
        ({"comparison": None}, False),
        ({"decision": "reject", "challenger": "8"}, False),
        ({"decision": "roll_back", "challenger": "6"}, False),
        ({"challenger": "8"}, False),
    ],
    ids=["won", "by hand", "the first", "lost evidence", "a later loss", "back", "another"],
)
def test_a_version_has_just_won_if_the_newest_decision_says_so(
    tmp_path: Path, newest: dict[str, Any], *, won: bool
) -> None:
    bucket = Folder(tmp_path)
    assert not has_just_won(bucket, "fruit", "7")
    wins = comparison(champion="6", probability_required=0.95)
    records = [
        record(NOON - timedelta(days=1)),
        record(NOON).model_copy(update={"comparison": wins} | newest),
    ]
    for each in records:
        bucket.put(decision_key(each), each.model_dump_json().encode())
    assert has_just_won(bucket, "fruit", "7") is won


def test_a_decision_record_comes_back_from_json() -> None:
    made = record(NOON)
    assert DecisionRecord.model_validate_json(made.model_dump_json()) == made
