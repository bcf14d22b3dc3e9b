"""The drift function's edges: its event, its environment, and the events it puts."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from evergreen.drift.check import CheckResult
from evergreen.drift.records import CheckContext, Decision, MultivariateTest, UnivariateTest
from evergreen.drift.univariate import UnivariateOutcome
from evergreen.events import EventType
from evergreen.metrics import SPECS
from functions.check_drift.handler import (
    MAX_FEATURES,
    CheckRequest,
    events_of,
    largest_effects,
    publish_metrics,
)
from functions.check_drift.settings import Settings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENVIRONMENT = {
    "EVERGREEN_STAGE": "dev",
    "EVERGREEN_BUCKET": "bucket",
    "EVERGREEN_EVENT_BUS": "bus",
    "LAMBDA_TASK_ROOT": "/var/task",
}


def result(verdict: Any, triggers: Any, *, starts: bool) -> CheckResult:
    context = CheckContext(
        timestamp=NOON,
        reference_dataset_id="ds-0",
        subject_dataset_id="win-0",
        check_id="c1",
        model="m",
        model_version="3",
        window_start=NOON - timedelta(days=1),
        window_end=NOON,
        rows=500,
    )
    decision = Decision(
        verdict=verdict, start_retraining=starts, triggers=triggers, reason="because"
    )
    joint = MultivariateTest(
        drifted=False, model_accuracy=0.5, threshold=0.525, auc=0.5, p_value=0.5
    )
    return CheckResult(context, decision, UnivariateOutcome((), None), joint, None, "log", "page")


@pytest.mark.parametrize(
    ("verdict", "triggers", "starts", "expected"),
    [
        ("no_drift", (), False, []),
        ("insufficient_data", (), False, []),
        ("drift", ("data_drift",), True, [("Data Drift Detected", True)]),
        ("drift", ("data_drift",), False, [("Data Drift Detected", False)]),
        ("no_drift", ("performance",), True, [("Performance Degraded", True)]),
        (
            "drift",
            ("data_drift", "performance"),
            True,
            [("Data Drift Detected", True), ("Performance Degraded", False)],
        ),
    ],
)
def test_at_most_one_event_starts_a_retraining(
    verdict: Any, triggers: Any, starts: bool, expected: Any
) -> None:
    (first, summary), *rest = events_of(result(verdict, triggers, starts=starts))
    assert first == EventType.DRIFT_CHECK_COMPLETED
    assert summary["verdict"] == verdict
    assert [(str(kind), detail["start_retraining"]) for kind, detail in rest] == expected
    wanted = {"model", "check_id", "model_version", "reason", "drifted_features", "report"}
    assert all(wanted <= set(detail) for _, detail in rest)


def univariate(feature: str, effect: float | None) -> UnivariateTest:
    return UnivariateTest(
        feature_name=feature,
        method="ks",
        drifted=False,
        p_value=0.5,
        p_value_corrected=1.0,
        threshold=0.05,
        effect_size=effect,
        effect_threshold=0.1,
    )


def test_a_feature_has_the_largest_of_its_effects() -> None:
    tests = [univariate("a", 0.1), univariate("b", 0.5), univariate("a", 0.3)]
    tests += [univariate("a", None), univariate("c", None), univariate("d", math.nan)]
    assert list(largest_effects(tests).items()) == [("b", 0.5), ("a", 0.3)]


def test_no_more_than_fifty_features_have_a_metric() -> None:
    tests = [univariate(f"f{number}", number / 100) for number in range(80)]
    found = largest_effects(tests)
    assert len(found) == MAX_FEATURES == 50
    assert min(found.values()) == 0.3


@pytest.mark.parametrize("starts", [True, False])
def test_every_metric_of_a_check_is_written(
    starts: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    found = dataclasses.replace(
        result("drift", ("data_drift",), starts=starts),
        univariate=UnivariateOutcome((univariate("a", 0.1), univariate("b", 0.2)), None),
    )
    publish_metrics(found)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["feature"]: line["EffectSize"] for line in lines} == {"a": [0.1], "b": [0.2]}
    (counted,) = [line for line in lines if "WindowRows" in line]
    assert (counted["model"], counted["WindowRows"]) == ("m", [500])
    assert counted["DriftRetrainings"] == [int(starts)]
    assert counted["MultivariateAccuracy"] == [0.5]
    assert {name for line in lines for name in line} >= {
        spec.metric for spec in SPECS if spec.emitter == "check_drift"
    }


def test_the_event_is_read() -> None:
    request = CheckRequest.model_validate(
        {"model": "m", "window": "24 hours", "end": "2026-03-01T12:00:00Z"}
    )
    assert request.window == timedelta(hours=24)
    assert request.end == NOON
    assert not request.report


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"model": "m"},
        {"model": "m", "window": "soon"},
        {"model": "m", "window": "1 day", "end": "2026-03-01T12:00:00"},
        {"model": "m", "window": "1 day", "windows": 2},
    ],
)
def test_an_event_that_is_none_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CheckRequest.model_validate(event)


def test_settings() -> None:
    settings = Settings.model_validate(ENVIRONMENT)
    assert settings.models == Path("/var/task/models")
    assert settings.cooldown is None
    changed = Settings.model_validate(
        ENVIRONMENT | {"EVERGREEN_MODELS": "/models", "EVERGREEN_COOLDOWN": "1 second"}
    )
    assert changed.models == Path("/models")
    assert changed.cooldown == timedelta(seconds=1)


def test_models_must_be_somewhere() -> None:
    with pytest.raises(ValidationError, match="LAMBDA_TASK_ROOT"):
        Settings.model_validate(
            {key: value for key, value in ENVIRONMENT.items() if key != "LAMBDA_TASK_ROOT"}
        )
