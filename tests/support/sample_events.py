"""One event of every type, as JSON that its sender could have put on the bus."""

from __future__ import annotations

from typing import Any

from evergreen.events import EventType

_CHECK: dict[str, Any] = {
    "schema_version": 1,
    "model": "m",
    "check_id": "c1",
    "model_version": "3",
    "window_start": "2026-03-01T11:00:00.000000Z",
    "window_end": "2026-03-01T12:00:00.000000Z",
    "rows": 1200,
    "verdict": "drift",
    "start_retraining": False,
    "reason": "1 of 8 features drifted (a)",
    "drifted_features": ["a"],
    "log": "drift/log/model=m/dt=2026-03-01/c1.jsonl",
    "report": None,
}
_NOTICE = _CHECK | {"evidence": {"effects": {"a": 0.4}}, "episode_state": "detected"}
_BEGAN = _NOTICE | {
    "episode_id": "m.data_drift.c1",
    "kind": "data_drift",
    "since": "2026-03-01T12:00:00.000000Z",
    "severity": "warning",
}
_ENDED = _BEGAN | {"ended_at": "2026-03-01T18:00:00.000000Z", "ended_by": "cleared"}
_EXECUTION = {
    "schema_version": 1,
    "model": "m",
    "execution": "arn:aws:states:eu-central-1:1:execution:x:name",
    "reason": "NotEnoughDataError",
    "message": "12 labelled rows, 1000 are needed",
}
_DECIDED = {
    "schema_version": 1,
    "model": "m",
    "challenger": "4",
    "champion": "3",
    "decision": "promote",
    "decided_at": "2026-03-01T18:00:00.000000Z",
    "reason": "better with probability 0.99",
    "execution": None,
    "dataset_id": "d4",
    "run_id": "r4",
    "decision_record": "s3://data/decisions/4.json",
}
SAMPLES: dict[EventType, dict[str, Any]] = {
    EventType.DRIFT_CHECK_COMPLETED: _CHECK | {"episodes": {"data_drift": {"state": "none"}}},
    EventType.DATA_DRIFT_DETECTED: _BEGAN,
    EventType.PERFORMANCE_DEGRADED: _BEGAN | {"kind": "performance"},
    EventType.DRIFT_CLEARED: _ENDED,
    EventType.PERFORMANCE_RECOVERED: _ENDED | {"kind": "performance"},
    EventType.RETRAINING_REQUESTED: _NOTICE
    | {"start_retraining": True, "because": ["data_drift", "new_rows"]},
    EventType.RETRAINING_SKIPPED: _EXECUTION,
    EventType.RETRAINING_FAILED: _EXECUTION | {"step": "Train a challenger"},
    EventType.MODEL_PROMOTED: _DECIDED,
    EventType.CHALLENGER_REJECTED: _DECIDED | {"decision": "reject"},
    EventType.MODEL_ROLLED_BACK: _DECIDED | {"decision": "roll_back"},
}
