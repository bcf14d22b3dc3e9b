"""Events in words, and the forms in which people get them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.alerting.formats import as_slack, as_subject, as_text
from evergreen.alerting.messages import ALERTED, Alert, Fact, alert_of
from evergreen.errors import EvergreenError
from evergreen.events import EventType

EPISODE = {
    "model": "m",
    "check_id": "c1",
    "verdict": "drift",
    "log": "drift/log/model=m/c1.jsonl",
    "kind": "data_drift",
    "model_version": "3",
    "rows": 1200,
    "window_start": "2026-03-01T11:00:00.000000Z",
    "window_end": "2026-03-01T12:00:00.000000Z",
    "reason": "2 of 8 features drifted (a, b); no retraining: the cooldown is 6:00:00",
    "drifted_features": ["a", "b"],
    "start_retraining": False,
    "report": "drift/reports/m/c1.html",
    "evidence": {
        "effects": {"b": 0.41, "a": 0.12},
        "joint": {"accuracy": 0.7, "threshold": 0.55},
        "performance": {"metric": "f1", "value": 0.6, "promoted": 0.8, "labelled_rows": 400},
        "segments": [
            {
                "explains": kind,
                "feature_name": "b",
                "segment": "UA",
                "share_reference": 0.1,
                "share_window": 0.3,
            }
            for kind in ("data_drift", "performance")
        ],
    },
    "episode_id": "m.data_drift.c1",
    "episode_state": "detected",
    "since": "2026-03-01T12:00:00.000000Z",
    "severity": "critical",
}
ENDED = EPISODE | {
    "episode_state": "cleared",
    "ended_at": "2026-03-01T18:00:00.000000Z",
    "ended_by": "cleared",
}
DECIDED = {
    "model": "m",
    "decision": "promote",
    "decided_at": "2026-03-01T18:00:00.000000Z",
    "dataset_id": "m-d1",
    "run_id": "r1",
    "challenger": "4",
    "champion": "3",
    "metric": "f1",
    "metric_challenger": 0.51234,
    "metric_champion": 0.4,
    "reason": "better by 0.11 with probability 0.99",
    "execution": "arn:aws:states:eu-central-1:1:execution:x:name-of-it",
    "decision_record": "s3://data/decisions/4.json",
}
DETAILS: dict[EventType, dict[str, Any]] = {
    EventType.DATA_DRIFT_DETECTED: EPISODE,
    EventType.PERFORMANCE_DEGRADED: EPISODE | {"kind": "performance"},
    EventType.DRIFT_CLEARED: ENDED,
    EventType.PERFORMANCE_RECOVERED: ENDED | {"kind": "performance", "ended_by": "new_version"},
    EventType.RETRAINING_FAILED: {
        "model": "m",
        "step": "Train a challenger",
        "reason": "States.TaskFailed",
        "message": "x" * 5000,
        "execution": DECIDED["execution"],
    },
    EventType.MODEL_PROMOTED: DECIDED,
    EventType.CHALLENGER_REJECTED: DECIDED,
    EventType.MODEL_ROLLED_BACK: DECIDED
    | {"challenger": "3", "metric": None, "metric_challenger": None, "execution": None},
}


def test_there_are_words_for_every_event_that_people_are_told_of() -> None:
    assert set(ALERTED) == set(DETAILS)


@pytest.mark.parametrize("kind", ALERTED)
def test_every_alert_says_which_model_what_happened_and_what_to_do(kind: EventType) -> None:
    alert = alert_of(kind, DETAILS[kind], "event-1")
    assert alert.title.startswith("m: ")
    assert len(alert.says) > 10
    assert len(alert.todo) > 10
    assert all(fact.name and fact.value for fact in alert.facts)
    assert len(as_text(alert, None)) < 5000


def test_what_moved_since_when_and_why_nothing_was_started() -> None:
    alert = alert_of("Data Drift Detected", EPISODE, "event-1")
    text = as_text(alert, "https://example.com/report")
    assert text.startswith("[critical] m: data drift detected\n")
    assert "b 0.41, a 0.12" in text
    assert "accuracy 0.700, limit 0.550" in text
    assert "Where: b UA: 30.0% of rows, 10.0% before\n" in text
    assert "the cooldown is 6:00:00" in text
    assert "Since: 2026-03-01 12:00 UTC" in text
    assert "evergreen retrain m" in text
    assert "Report: https://example.com/report" in text
    started = alert_of("Data Drift Detected", EPISODE | {"start_retraining": True}, "event-1")
    assert "A retraining has started" in started.todo


def test_an_estimate_is_told_as_one() -> None:
    promoted = {"metric": "f1", "value": 0.6, "promoted": 0.8, "rows": 500}
    estimate = promoted | {"interval_low": 0.55, "interval_high": 0.65}
    detail = EPISODE | {
        "kind": "estimated_performance",
        "evidence": {"effects": {}, "estimated_performance": estimate},
    }
    alert = alert_of("Performance Degraded", detail, "e")
    assert alert.title == "m: performance degraded, as estimated"
    assert alert.facts[0].name == "F1, estimated"
    assert alert.facts[0].value == "0.6 (0.55 to 0.65), 0.8 at promotion"
    over = alert_of("Performance Recovered", ENDED | {"kind": "estimated_performance"}, "e")
    assert over.title == "m: estimated performance is no longer worse"


def test_of_a_hundred_features_a_few_are_named() -> None:
    many = {f"f{number}": 0.5 for number in range(10)}
    detail = EPISODE | {
        "drifted_features": [f"f{number}" for number in range(100)],
        "evidence": {"effects": many},
    }
    (moved, *_) = alert_of("Data Drift Detected", detail, "e").facts
    assert moved.value.endswith("f4 0.50 and 95 more")


def test_the_same_news_has_the_same_identity() -> None:
    def identity(kind: str, detail: dict[str, Any], event: str) -> str:
        return alert_of(kind, detail, event).id

    assert identity("Data Drift Detected", EPISODE, "1") == identity(
        "Data Drift Detected", EPISODE | {"rows": 1}, "2"
    )
    assert identity("Data Drift Detected", EPISODE, "1") != identity("Drift Cleared", ENDED, "1")
    assert identity("Model Promoted", DECIDED, "1") == identity("Model Promoted", DECIDED, "2")
    again = DECIDED | {"decision_record": "s3://data/decisions/5.json"}
    assert identity("Model Promoted", DECIDED, "1") != identity("Model Promoted", again, "1")


def test_an_event_of_another_shape_is_refused_with_the_field() -> None:
    lacking = {name: value for name, value in EPISODE.items() if name != "since"}
    with pytest.raises(EvergreenError, match="event 'Data Drift Detected': since: Field required"):
        alert_of("Data Drift Detected", lacking, "1")


def test_an_event_that_nobody_is_told_of_is_refused() -> None:
    with pytest.raises(
        EvergreenError, match="there is no alert for the event 'Retraining Skipped'"
    ):
        alert_of("Retraining Skipped", {}, "1")


def test_slack_gets_a_title_the_facts_and_a_link() -> None:
    body = as_slack(alert_of("Data Drift Detected", EPISODE, "1"), "https://e.com/?a=1&b=2")
    assert body["text"].startswith("[critical] m: data drift detected: 2 of 8")
    header, says, facts, todo, link = body["blocks"]
    assert header["text"] == {"type": "plain_text", "text": "[critical] m: data drift detected"}
    assert "2 of 8 features" in says["text"]["text"]
    assert "*What moved (share of rows)*\nb 0.41, a 0.12" in [
        field["text"] for field in facts["fields"]
    ]
    assert "evergreen retrain" in todo["text"]["text"]
    assert link["text"]["text"] == "<https://e.com/?a=1&amp;b=2|Open the report>"


@given(st.text(max_size=8000), st.text(max_size=300))
def test_no_text_is_too_long_or_a_mention(says: str, title: str) -> None:
    alert = Alert("id", "warning", f"m{title}", says, (Fact("a", says),) * 12, says)
    body = as_slack(alert, None)
    json.dumps(body)
    for block in body["blocks"]:
        for part in [block.get("text"), *block.get("fields", [])]:
            if part is not None:
                assert len(part["text"]) <= (2000 if "fields" in block else 3000)
                assert part["type"] == "plain_text" or "<" not in part["text"]
    assert len(body["blocks"][0]["text"]["text"]) <= 150
    subject = as_subject(alert)
    assert subject.isascii()
    assert subject.isprintable()
    assert 0 < len(subject) <= 100
