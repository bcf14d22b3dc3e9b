"""The event of a decision says what its record says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from evergreen.evaluation.comparison import Comparison, SegmentResult
from evergreen.events import DecisionEvent, EventType
from evergreen.release.context import decision_event
from evergreen.release.decision_log import DecisionRecord

if TYPE_CHECKING:
    from evergreen.release.decision_log import Decision

COMPARISON = Comparison(
    decision="promote",
    metric="f1",
    metric_champion=0.5,
    metric_challenger=0.6,
    probability_better=0.97,
    interval=(0.01, 0.2),
    rows=200,
    reason="what the comparison says",
    beside_champion={"log_loss": 0.4},
    beside_challenger={"log_loss": 0.3},
    seen_by_champion=0,
    seen_by_challenger=0,
    segments=(
        SegmentResult(feature="carrier", segment="UA", rows=120, champion=0.5, challenger=0.4),
    ),
    segments_judged=1,
    champion="3",
    report_uri="mlflow-artifacts:/report.html",
)
RECORD = DecisionRecord(
    model="m",
    decision="promote",
    decided_at=datetime(2026, 3, 1, 18, tzinfo=UTC),
    challenger="4",
    champion="3",
    reason="what the record says",
    comparison=COMPARISON,
    dataset_id="d4",
    run_id="r4",
    execution=None,
)


def test_no_number_of_the_comparison_is_lost_and_the_record_has_the_last_word() -> None:
    told = decision_event(RECORD, "s3://data/d.json").model_dump()
    record = RECORD.model_dump(exclude={"comparison"})
    assert told == told | COMPARISON.model_dump() | record | {"decision_record": "s3://data/d.json"}


@pytest.mark.parametrize(
    ("decision", "kind"),
    [
        ("promote", EventType.MODEL_PROMOTED),
        ("reject", EventType.CHALLENGER_REJECTED),
        ("roll_back", EventType.MODEL_ROLLED_BACK),
    ],
)
def test_a_decision_without_a_comparison_is_told_too(decision: Decision, kind: EventType) -> None:
    record = RECORD.model_copy(update={"decision": decision, "comparison": None})
    event = decision_event(record, "s3://data/d.json")
    assert isinstance(event, DecisionEvent)
    assert (event.event_type, event.metric, event.segments) == (kind, None, ())
