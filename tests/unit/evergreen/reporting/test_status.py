"""What the status says of a model in each of its states."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from evergreen.clock import to_text
from evergreen.drift.episodes.store import update_episodes
from evergreen.drift.episodes.transitions import CheckFindings
from evergreen.drift.log import latest_checks
from evergreen.drift.records import CheckContext
from evergreen.production import ShadowSlot
from evergreen.release.decision_log import DecisionRecord, decision_key
from evergreen.release.executions import AWAY
from evergreen.release.retraining_lock import take_lock
from evergreen.reporting.status import CHECKS, DECISIONS
from tests.support.aws_in_process import failing, refusal
from tests.support.fixed_clock import NOW
from tests.support.reported_model import BEFORE, MINUTE, NAME, ReportedModel

if TYPE_CHECKING:
    from evergreen.events import Trigger
    from tests.support.aws_in_process import Account


def test_a_model_of_which_nothing_is_known_yet(aws: Account) -> None:
    model = ReportedModel(aws).read()
    assert (model.name, model.metric, model.production, model.live) == (NAME, "f1", None, None)
    assert (model.checks, model.decisions) == ((), ())
    assert set(model.traffic.values) == {None}


def test_what_is_in_production_and_what_it_does_now(aws: Account) -> None:
    deployment = ReportedModel(aws)
    deployment.promote("2")
    check_id = deployment.check(MINUTE, value=0.7)
    deployment.aws.put_metric("Predictions", BEFORE, 40, model=NAME)
    model = deployment.read()
    assert model.production is not None
    assert (model.production.version, model.production.metric) == ("2", 0.75)
    assert model.live is not None
    assert (model.live.value, model.live.labelled_rows) == (0.7, 400)
    (check,) = model.checks
    assert (check.check_id, check.verdict, check.reason) == (check_id, "drift", "wind moved")
    assert model.traffic.values[-2] == 40


def test_the_live_metric_is_of_the_version_in_production_and_the_newest_there_is(
    aws: Account,
) -> None:
    deployment = ReportedModel(aws)
    deployment.promote("2")
    deployment.check(1 * MINUTE, "2", reason="too few labels")
    deployment.check(2 * MINUTE, "2", value=0.6)
    deployment.check(3 * MINUTE, "2", value=0.5)
    deployment.check(0 * MINUTE, "1", value=0.1)
    live = deployment.read().live
    assert live is not None
    assert (live.value, live.measured_at) == (0.6, NOW - 2 * MINUTE)


def test_where_it_could_not_be_measured_the_reason_is_told(aws: Account) -> None:
    deployment = ReportedModel(aws)
    deployment.promote("2")
    deployment.check(MINUTE, value=None, reason="too few labels")
    live = deployment.read().live
    assert live is not None
    assert (live.value, live.reason) == (None, "too few labels")


def test_only_the_newest_checks_and_decisions_are_read_newest_first(aws: Account) -> None:
    deployment = ReportedModel(aws)
    ages = [timedelta(hours=hours) for hours in range(0, 60, 5)]
    for at, ago in enumerate(ages):
        deployment.check(ago)
        deployment.decide(ago, str(at))
    model = deployment.read()
    assert [NOW - check.checked_at for check in model.checks] == ages[:CHECKS]
    assert [made.challenger for made in model.decisions] == ["0", "1", "2", "3", "4"][:DECISIONS]


def test_a_rollback_is_shown_with_its_reason_and_the_alarm_that_asked_for_it(aws: Account) -> None:
    deployment = ReportedModel(aws)
    made = DecisionRecord(
        model=NAME,
        decision="roll_back",
        decided_at=NOW,
        challenger="1",
        champion="2",
        reason="alarm LateServerErrors: 8 % are errors",
        comparison=None,
        dataset_id="ds-1",
        run_id="r",
        execution="arn:aws:cloudwatch:eu-central-1:123456789012:alarm:LateServerErrors",
    )
    deployment.storage.put_json(decision_key(made), made.model_dump(mode="json"))
    [shown] = deployment.read().decisions
    assert (shown.decision, shown.challenger, shown.champion) == ("roll_back", "1", "2")
    assert (shown.reason, shown.execution) == (made.reason, "LateServerErrors")
    assert shown.by == "alarm"
    assert shown.comparison is None


@pytest.mark.parametrize(("count", "days", "found"), [(2, 7, 2), (9, 7, 3), (9, 3, 2), (9, 1, 1)])
def test_checks_are_looked_for_over_so_many_days(
    aws: Account, count: int, days: int, found: int
) -> None:
    deployment = ReportedModel(aws)
    for ago in (0, 2, 6, 30):
        deployment.check(timedelta(days=ago))
    checks = latest_checks(deployment.storage, NAME, NOW, count=count, days=days)
    assert [[line.timestamp for line in check][-1] for check in checks] == [
        NOW - timedelta(days=ago) for ago in (0, 2, 6)
    ][:found]


def test_an_execution_is_named_without_its_account(aws: Account) -> None:
    deployment = ReportedModel(aws)
    deployment.decide(MINUTE, "2")
    model = deployment.read()
    assert model.decisions[0].execution == "name-of-it"
    assert model.decisions[0].by == "retraining"
    assert "123456789012" not in model.model_dump_json()


@pytest.mark.parametrize(
    ("service", "operation", "unread"),
    [
        ("cloudwatch", "GetMetricData", ("metrics",)),
        ("ssm", "GetParameter", ("production",)),
        ("s3", None, ("checks", "decisions", "episodes", "retraining", "shadow")),
    ],
    ids=["cloudwatch", "ssm", "s3"],
)
def test_what_cannot_be_read_is_named_and_the_rest_is_shown(
    aws: Account, service: str, operation: str | None, unread: tuple[str, ...]
) -> None:
    deployment = ReportedModel(aws)
    deployment.promote("2")
    deployment.check(MINUTE, value=0.7)
    deployment.decide(MINUTE, "2")
    aws.put_metric("Predictions", BEFORE, 40, model=NAME)
    with failing(aws.client(service), refusal("Throttling"), operation):
        model = deployment.read()
    assert set(model.unread) == set(unread)
    read = {
        "production": model.production is not None,
        "checks": bool(model.checks),
        "decisions": bool(model.decisions),
        "metrics": any(model.traffic.values),
    }
    assert {name for name, found in read.items() if not found} == set(unread) - {
        "episodes",
        "retraining",
        "shadow",
    }
    assert len(model.traffic.values) == 60


def test_who_is_in_the_shadow_and_how_old_the_newest_metric_is(aws: Account) -> None:
    deployment = ReportedModel(aws)
    deployment.promote("2")
    assert deployment.read().shadow is None
    slot = ShadowSlot(version="3", bundle_uri="", sha256="", started_at=BEFORE)
    deployment.production.set_shadow(NAME, slot)
    aws.put_metric("WindowRows", NOW - MINUTE, 4, model=NAME)
    model = deployment.read()
    assert model.shadow is not None
    assert (model.shadow.version, model.shadow.since) == ("3", BEFORE)
    age = NOW - model.newest_metric_at if model.newest_metric_at else None
    assert age is not None
    assert MINUTE <= age <= MINUTE * 6, "the beginning of its five minutes"


EXECUTION = "arn:aws:states:eu-central-1:123456789012:execution:retrain:name-of-it"
ANSWER = {"error": AWAY, "cause": '{"errorMessage": "MLflow at http://m does not answer"}'}
TRY = {"type": "LambdaFunctionStarted"}
FAILED = {"type": "LambdaFunctionFailed", "lambdaFunctionFailedEventDetails": ANSWER}
DONE = {"type": "LambdaFunctionSucceeded"}
ENTERED = {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Train a challenger"}}


@pytest.mark.parametrize(
    ("status", "events", "waits"),
    [
        ("RUNNING", [(90, ENTERED), (80, TRY), (70, FAILED), (40, TRY), (30, FAILED)], 70),
        ("RUNNING", [(90, ENTERED), (80, TRY), (70, FAILED), (5, TRY)], 70),
        ("RUNNING", [(190, ENTERED), (180, TRY), (170, FAILED), (140, TRY)], None),
        ("RUNNING", [(90, ENTERED), (80, TRY), (70, FAILED), (40, TRY), (3, DONE)], None),
        ("RUNNING", [(190, FAILED), (90, ENTERED), (80, TRY)], None),
    ],
    ids=["waits", "tries", "at_work", "done", "waited_before"],
)
def test_which_retraining_runs_and_whether_it_waits_for_the_registry(
    aws: Account, status: str, events: list[tuple[int, dict[str, Any]]], waits: int | None
) -> None:
    deployment = ReportedModel(aws)
    take_lock(deployment.storage, NAME, EXECUTION, is_running=lambda _: True, clock=lambda: BEFORE)
    about = {"executionArn": EXECUTION, "stateMachineArn": EXECUTION, "startDate": 0}
    history = [
        {"id": number, "timestamp": NOW - timedelta(seconds=ago)} | event
        for number, (ago, event) in enumerate(events)
    ]
    client = aws.client("stepfunctions")
    newest = {"executionArn": EXECUTION, "reverseOrder": True, "maxResults": 1000}
    with Stubber(client) as stub:
        stub.add_response("describe_execution", about | {"status": status})
        stub.add_response("get_execution_history", {"events": history[::-1]}, newest)
        running = deployment.read().retraining
    assert running is not None
    assert (running.execution, running.since) == ("name-of-it", BEFORE)
    assert running.state == "Train a challenger"
    assert running.waiting_since == (None if waits is None else NOW - timedelta(seconds=waits))
    assert running.waiting_for == (None if waits is None else "MLflow at http://m does not answer")


def test_a_lock_whose_execution_has_ended_is_no_retraining(aws: Account) -> None:
    deployment = ReportedModel(aws)
    take_lock(deployment.storage, NAME, EXECUTION, is_running=lambda _: True, clock=lambda: BEFORE)
    assert deployment.read().retraining is None


def test_a_damaged_record_leaves_out_its_own_part_alone(aws: Account) -> None:
    deployment = ReportedModel(aws)
    deployment.promote("2")
    deployment.storage.put(f"decisions/model={NAME}/2026-05-04T12:00:00.000000Z-2.json", b"{")
    model = deployment.read()
    assert model.unread == ("decisions",)
    assert model.production is not None


def test_times_are_written_as_everywhere(aws: Account) -> None:
    deployment = ReportedModel(aws)
    deployment.promote("2")
    body = json.loads(deployment.read().model_dump_json())
    assert body["production"]["promoted_at"] == to_text(NOW - timedelta(days=3))


def test_it_imports_nothing_that_the_inference_layer_lacks() -> None:
    imported = "{name.split('.')[0] for name in sys.modules}"
    code = f"import sys, evergreen.reporting.status; print(*{imported})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "pydantic" in done
    assert not {"pandas", "sklearn", "evidently", "pyarrow", "scipy", "mlflow", "onnxruntime"} & {
        *done
    }


def test_episodes_of_the_version_in_production_go_on_until_they_are_cleared(aws: Account) -> None:
    deployment = ReportedModel(aws)
    deployment.promote("2")
    assert deployment.read().episodes == ()

    def checked(ago: timedelta, *, drift: bool, version: str = "2") -> None:
        context = CheckContext(
            timestamp=NOW - ago,
            reference_dataset_id="ds-0",
            subject_dataset_id="win-0",
            check_id=f"c{ago}",
            model=NAME,
            model_version=version,
            window_start=NOW - ago - MINUTE,
            window_end=NOW - ago,
            rows=100,
        )
        moved: dict[Trigger, bool] = {"data_drift": drift}
        update_episodes(
            deployment.storage, CheckFindings(context, NOW - ago, moved, {"data_drift": "critical"})
        )

    checked(5 * MINUTE, drift=True)
    checked(4 * MINUTE, drift=True)
    (episode,) = deployment.read().episodes
    assert (episode.kind, episode.since, episode.severity) == (
        "data_drift",
        NOW - 5 * MINUTE,
        "critical",
    )
    deployment.promote("3")  # the first check of it has still to come
    assert deployment.read().episodes == ()
    deployment.promote("2")
    checked(3 * MINUTE, drift=False)
    assert deployment.read().episodes == ()
