"""The drift function's edges: its event, its environment, and the events it puts."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from evergreen.drift.check import CheckResult
from evergreen.drift.detectors.univariate import UnivariateResult
from evergreen.drift.episodes.state import Episodes, read_episodes
from evergreen.drift.episodes.store import update_episodes
from evergreen.drift.episodes.transitions import CheckFindings, next_episodes
from evergreen.drift.records import (
    CheckContext,
    DriftDecision,
    MultivariateTest,
    PerformanceEstimate,
    PerformanceTest,
    SegmentFinding,
    UnivariateTest,
)
from evergreen.errors import EvergreenError
from evergreen.events import Events, EventType
from evergreen.metrics.catalog import SPECS, Metric
from functions.check_drift.findings import completed, event_of, findings_of
from functions.check_drift.handler import (
    MAX_FEATURES,
    CheckRequest,
    largest_effects,
    publish_metrics,
    tell,
)
from functions.check_drift.settings import Settings
from tests.support.drift_checks import estimated
from tests.support.trained_models import DEFINITION

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENVIRONMENT = {
    "EVERGREEN_STAGE": "dev",
    "EVERGREEN_BUCKET": "bucket",
    "EVERGREEN_EVENT_BUS": "bus",
    "EVERGREEN_LAKE_CATALOG": "glue",
    "EVERGREEN_LAKE_DATABASE": "evergreen_dev",
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
    decision = DriftDecision(
        verdict=verdict,
        start_retraining=starts,
        triggers=triggers,
        because=(*triggers, "new_rows") if starts else (),
        reason="it moved",
    )
    joint = MultivariateTest(
        drifted=False, model_accuracy=0.5, threshold=0.525, auc=0.5, p_value=0.5
    )
    estimate = PerformanceEstimate(metric="f1", rows=0, reason="made up")
    return CheckResult(
        context, decision, UnivariateResult((), None), joint, None, estimate, (), "log", "page"
    )


def measured(value: float | None, *, drifted: bool = False) -> PerformanceTest:
    return PerformanceTest(
        metric="f1",
        drifted=drifted,
        value=value,
        interval_low=value,
        interval_high=value,
        threshold=0.8,
        labelled_rows=300,
    )


@pytest.mark.parametrize(
    ("verdict", "triggers", "performance", "moved"),
    [
        ("no_drift", (), None, {"data_drift": False}),
        ("insufficient_data", (), measured(0.5), {}),
        ("drift", ("data_drift",), measured(None), {"data_drift": True}),
        ("drift", ("data_drift",), measured(0.8), {"data_drift": True, "performance": False}),
        (
            "no_drift",
            ("performance",),
            measured(0.5, drifted=True),
            {"data_drift": False, "performance": True},
        ),
    ],
)
def test_only_what_was_measured_says_anything_about_an_episode(
    verdict: Any, triggers: Any, performance: PerformanceTest | None, moved: dict[str, bool]
) -> None:
    found = dataclasses.replace(result(verdict, triggers, starts=False), performance=performance)
    assert findings_of(found, DEFINITION, NOON).moved == moved


def test_an_estimate_that_fell_is_an_episode_of_its_own() -> None:
    found = dataclasses.replace(
        result("no_drift", ("estimated_performance",), starts=True), estimate=estimated(0.6, 0.8)
    )
    findings = findings_of(found, DEFINITION, NOON)
    assert findings.moved == {"data_drift": False, "estimated_performance": True}
    state = next_episodes(Episodes(model="m"), findings)
    event = event_of(state.outbox[0])
    assert event.event_type == EventType.PERFORMANCE_DEGRADED
    detail = event.model_dump(mode="json")
    assert (detail["kind"], detail["start_retraining"]) == ("estimated_performance", True)
    assert detail["evidence"]["estimated_performance"]["interval_low"] == pytest.approx(0.55)
    assert detail["evidence"]["performance"] is None


def test_a_retraining_on_new_rows_alone_is_asked_for_without_an_episode() -> None:
    state = next_episodes(
        Episodes(model="m"), findings_of(result("no_drift", (), starts=True), DEFINITION, NOON)
    )
    (notice,) = state.outbox
    event = event_of(notice)
    assert event.event_type == EventType.RETRAINING_REQUESTED
    assert (event.start_retraining, event.because) == (True, ("new_rows",))
    assert not state.open


def test_an_event_names_episode_evidence_and_what_starts() -> None:
    found = dataclasses.replace(
        result("drift", ("data_drift",), starts=True),
        univariate=UnivariateResult(
            (univariate("a", math.inf, drifted=True), univariate("b", 0.4, drifted=True)), None
        ),
        performance=measured(0.7),
        segments=(
            SegmentFinding(
                explains="data_drift",
                feature_name="b",
                segment="(missing)",
                share_reference=0.0,
                share_window=0.2,
            ),
        ),
    )
    episodes = next_episodes(Episodes(model="m"), findings_of(found, DEFINITION, NOON))
    assert completed(found, episodes).episodes["data_drift"].state == "detected"
    (notice,) = episodes.outbox
    event = event_of(notice)
    assert event.event_type == EventType.DATA_DRIFT_DETECTED
    detail = event.model_dump(mode="json")
    assert detail["episode_id"] == "m.data_drift.c1"
    assert detail["because"] == ["data_drift", "new_rows"]
    assert (detail["episode_state"], detail["severity"]) == ("detected", "critical")
    assert detail["since"] == "2026-03-01T12:00:00.000000Z"
    assert detail["start_retraining"] is True
    assert detail["evidence"]["effects"] == {"b": 0.4}
    assert detail["evidence"]["performance"]["promoted"] == 0.8
    [segment] = detail["evidence"]["segments"]
    assert (segment["feature_name"], segment["share_window"]) == ("b", 0.2)
    assert json.loads(json.dumps(detail, allow_nan=False)) == detail
    wanted = {"model", "check_id", "model_version", "reason", "drifted_features", "report"}
    assert wanted <= set(detail)


def checked(at: int, verdict: Any, *, starts: bool = False, version: str = "3") -> CheckFindings:
    found = result(verdict, ("data_drift",) if verdict == "drift" else (), starts=starts)
    moment = NOON + timedelta(hours=at)
    context = found.context.model_copy(
        update={
            "check_id": f"c{at}",
            "timestamp": moment,
            "window_end": moment,
            "window_start": moment - timedelta(days=1),
            "model_version": version,
        }
    )
    return findings_of(dataclasses.replace(found, context=context), DEFINITION, moment)


class Bus:
    """Takes events, or dies after so many: EventBridge cannot be asked to."""

    def __init__(self, dies_after: int | None = None) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.dies_after = dies_after

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if len(self.heard) == self.dies_after:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorMessage": "out of order"}]}
        self.heard += [(each["DetailType"], json.loads(each["Detail"])) for each in Entries]
        return {"FailedEntryCount": 0, "Entries": []}


def test_each_turn_of_an_episode_is_told_once(aws: Account) -> None:
    storage, bus = aws.storage(), Bus()
    turns = [
        checked(1, "drift"),
        checked(2, "drift"),
        checked(3, "drift", starts=True),
        checked(4, "insufficient_data"),
        checked(5, "no_drift"),
        checked(6, "no_drift"),
    ]
    for each in turns:
        tell(storage, Events("bus", bus), update_episodes(storage, each))  # type: ignore[arg-type]
    assert [kind for kind, _ in bus.heard] == [
        "Data Drift Detected",
        "Retraining Requested",
        "Drift Cleared",
    ]
    assert [detail["start_retraining"] for _, detail in bus.heard] == [False, True, False]
    assert bus.heard[-1][1]["ended_by"] == "cleared"


@pytest.mark.parametrize("dies_after", [0, 1])
def test_a_check_that_dies_while_telling_leaves_it_to_the_next(
    aws: Account, dies_after: int
) -> None:
    storage, bus = aws.storage(), Bus()
    tell(storage, Events("bus", bus), update_episodes(storage, checked(1, "drift")))  # type: ignore[arg-type]
    dying = Bus(dies_after)
    state = update_episodes(storage, checked(2, "drift", version="4", starts=True))
    with pytest.raises(EvergreenError, match="out of order"):
        tell(storage, Events("bus", dying), state)  # type: ignore[arg-type]
    after = update_episodes(storage, checked(3, "insufficient_data", version="4"))
    tell(storage, Events("bus", bus), after)  # type: ignore[arg-type]
    kinds = [(kind, detail["model_version"]) for kind, detail in bus.heard]
    assert kinds == [
        ("Data Drift Detected", "3"),
        ("Drift Cleared", "3"),
        ("Data Drift Detected", "4"),
    ]
    assert bus.heard[-1][1]["start_retraining"] is True
    # What was told twice is known by its episode and state.
    assert [each for each in dying.heard if each not in bus.heard] == []
    assert read_episodes(storage, "m").outbox == ()


def univariate(feature: str, effect: float | None, *, drifted: bool = False) -> UnivariateTest:
    return UnivariateTest(
        feature_name=feature,
        method="ks",
        drifted=drifted,
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
        univariate=UnivariateResult((univariate("a", 0.1), univariate("b", 0.2)), None),
        performance=measured(0.5, drifted=True),
        estimate=PerformanceEstimate(metric="f1", value=0.6, rows=500),
    )
    publish_metrics(found, next_episodes(Episodes(model="m"), findings_of(found, DEFINITION, NOON)))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["feature"]: line["EffectSize"] for line in lines} == {"a": [0.1], "b": [0.2]}
    (counted,) = [line for line in lines if "WindowRows" in line]
    assert (counted["model"], counted["WindowRows"]) == ("m", [500])
    assert counted["DriftRetrainings"] == [int(starts)]
    assert counted["OpenEpisodes"] == [1]
    assert counted["MultivariateAccuracy"] == [0.5]
    assert (counted["LiveMetric"], counted["PromotionMetric"]) == ([0.5], [0.8])
    assert counted["LiveMetricWorse"] == [1]
    assert counted["EstimatedMetric"] == [0.6]
    assert {name for line in lines for name in line} >= {
        spec.metric for spec in SPECS if spec.emitter == "check_drift"
    }


@pytest.mark.parametrize("moved", [False, True])
def test_a_check_without_a_verdict_writes_only_its_number_of_rows(
    moved: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """CloudWatch bills a metric for each hour with a value; this one says that the check ran.

    Of seven rows nearly each feature may seem to have moved: no alarm may come of that.
    """
    idle = result("insufficient_data", (), starts=False)
    idle = dataclasses.replace(
        idle,
        univariate=UnivariateResult((univariate("a", 0.9, drifted=True),) if moved else (), None),
        performance=measured(0.5, drifted=True) if moved else None,
    )
    assert bool(idle.univariate.drifted_features) == moved
    publish_metrics(idle, Episodes(model="m"))
    (line,) = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert {name for name in line if name in set(Metric)} == {Metric.WINDOW_ROWS}


@pytest.mark.parametrize("performance", [None, measured(None)], ids=["untested", "unmeasured"])
def test_without_labels_there_is_no_live_metric(
    performance: PerformanceTest | None, capsys: pytest.CaptureFixture[str]
) -> None:
    found = dataclasses.replace(result("no_drift", (), starts=False), performance=performance)
    publish_metrics(found, next_episodes(Episodes(model="m"), findings_of(found, DEFINITION, NOON)))
    assert "LiveMetric" not in capsys.readouterr().out


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
