"""Automatic rollback by alarms, and the commands for rollback, on the deployed app.

The model has few data, so that training takes seconds. Every version is promoted, good or not. The
tests depend on their order. The last step empties production again.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from cli.commands.retrain import SKIPPED
from cli.main import app
from cli.shared import executions
from cli.shared.demo_steps import example_row
from cli.shared.examples import find_example
from cli.shared.loop_observation import Loop
from cli.shared.traffic import Api
from evergreen.deployment.by_hand import release_context_of, train_and_promote
from evergreen.metrics.catalog import MODEL_DIMENSION, NAMESPACE, Metric
from evergreen.registry.writer import CHAMPION, PREVIOUS
from evergreen.release.decision_log import decision_key, read_decision_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from cli.shared.target import Target
    from evergreen.production import ProductionPointer
    from evergreen.release.decision_log import DecisionRecord
    from local.stack import Stack

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")

MODEL = "daily_ridership"
PATIENCE = 120


@pytest.fixture(scope="module")
def promoted(deployed: Target) -> Iterator[list[str]]:
    """Two versions, the second one in production."""
    yield [put_into_production(deployed), put_into_production(deployed)]
    production = release_context_of(deployed).production
    deployed.client("ssm").delete_parameter(Name=production.parameter(MODEL))


@pytest.fixture(scope="module")
def told(deployed: Target) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Reads the rollback events of the bus, and waits a few seconds for the first."""
    events, sqs = deployed.client("events"), deployed.client("sqs")
    bus, name = deployed.output("EventBusName"), "rollbacks-heard"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    wanted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    pattern = {"source": ["evergreen"], "detail-type": ["Model Rolled Back"]}
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    target = {"Id": "queue", "Arn": wanted["Attributes"]["QueueArn"]}
    events.put_targets(Rule=name, EventBusName=bus, Targets=[target])

    def heard(patience: int = 5) -> list[dict[str, Any]]:
        until = time.monotonic() + patience
        messages: list[Any] = []
        while not messages and time.monotonic() < until:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
            messages = answer.get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"])["detail"] for message in messages]

    yield heard
    events.remove_targets(Rule=name, EventBusName=bus, Ids=["queue"])
    events.delete_rule(Name=name, EventBusName=bus)
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def evergreen(local_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a command against the session's stack and returns its JSON."""
    monkeypatch.setattr("cli.shared.target.running_stack", lambda _: local_stack)
    monkeypatch.setenv("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # as cli.main.main does

    def run(*arguments: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, [*arguments, "--json"])
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    return run


def put_into_production(target: Target) -> str:
    example = find_example(MODEL)
    rows = example.load(example.trained_on, example.fraction)
    made = train_and_promote(
        target, example.definition, example.folder, rows, example.source, lambda _: None
    )
    return made.challenger


def pointer_of(target: Target) -> ProductionPointer:
    pointer = release_context_of(target).production.read(MODEL)
    assert pointer is not None
    return pointer


def alarm_of(target: Target, metric: Metric) -> str:
    return f"evergreen-{target.stage}-DailyRidership{metric}"


def newest_record(target: Target) -> DecisionRecord:
    return read_decision_records(target.storage, MODEL)[-1]


def wait_until_back(target: Target, version: str) -> ProductionPointer:
    until = time.monotonic() + PATIENCE
    while (pointer := pointer_of(target)).version != version and time.monotonic() < until:
        time.sleep(1)
    return pointer


def wait_for_rollback_record(target: Target) -> DecisionRecord:
    """Wait until the newest record is one of a rollback: it is written after the pointer."""
    until = time.monotonic() + PATIENCE
    while newest_record(target).decision != "roll_back" and time.monotonic() < until:
        time.sleep(0.5)
    return newest_record(target)


def wait_until_mirrored(target: Target, version: str) -> None:
    """Wait until MLflow shows a rollback, which it does after production went back."""
    registry, until = release_context_of(target).registry, time.monotonic() + PATIENCE
    uri = target.storage.uri(decision_key(newest_record(target)))
    while registry.decision_of(MODEL, version) != uri and time.monotonic() < until:
        time.sleep(1)
    assert registry.decision_of(MODEL, version) == uri


def answered_by(target: Target, version: str) -> str:
    """Wait until the API reports that it serves a version, and ask for predictions."""
    with Api.of(target) as api:
        Loop(target, find_example(MODEL).definition).wait_until_serving(api, version)
        answer = api.predict(MODEL, {"instances": [example_row(MODEL)]})
    return str(answer["model_version"])


def test_an_alarm_within_the_watch_period_puts_the_version_before_back(
    deployed: Target, promoted: list[str], told: Callable[..., list[dict[str, Any]]]
) -> None:
    first, second = promoted
    assert answered_by(deployed, second) == second
    alarm = alarm_of(deployed, Metric.SERVER_ERRORS)
    cloudwatch = deployed.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="8 % are errors")

    pointer = wait_until_back(deployed, first)
    assert (pointer.version, pointer.previous, pointer.rolled_back) == (first, second, True)
    assert answered_by(deployed, first) == first
    [event] = told(PATIENCE)  # it is sent after production went back
    assert (event["model"], event["challenger"], event["champion"]) == (MODEL, first, second)
    record = wait_for_rollback_record(deployed)
    assert (record.decision, record.challenger, record.champion) == ("roll_back", first, second)
    assert record.reason == f"alarm {alarm}: 8 % are errors"
    assert record.execution is not None
    assert record.execution.endswith(f":alarm:{alarm}")
    registry = release_context_of(deployed).registry
    wait_until_mirrored(deployed, first)
    assert registry.in_stage(MODEL) == [first]
    assert registry.with_alias(MODEL, CHAMPION) == first
    assert registry.with_alias(MODEL, PREVIOUS) == second

    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="it is over")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="again")
    assert pointer_of(deployed) == pointer
    assert newest_record(deployed) == record
    assert told() == []


def test_a_bundle_that_does_not_load_is_taken_out_by_its_own_alarm(
    deployed: Target, promoted: list[str]
) -> None:
    good = pointer_of(deployed).version
    assert good == promoted[0]
    bad = put_into_production(deployed)
    deployed.storage.put(f"bundles/{MODEL}/{bad}/model.onnx", b"something else")
    cloudwatch, alarm = (
        deployed.client("cloudwatch"),
        alarm_of(deployed, Metric.MODEL_LOAD_FAILURES),
    )
    [kept] = cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    given = cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    settable = {key: value for key, value in kept.items() if key in given}
    cloudwatch.put_metric_alarm(**settable | {"Period": 10})
    try:
        with Api.of(deployed) as api:
            until = time.monotonic() + PATIENCE
            while pointer_of(deployed).version == bad and time.monotonic() < until:
                answer = api.predict(MODEL, {"instances": [example_row(MODEL)]})
                assert answer["model_version"] == good
                time.sleep(1)
    finally:
        cloudwatch.put_metric_alarm(**settable)
    pointer = pointer_of(deployed)
    assert (pointer.version, pointer.previous, pointer.rolled_back) == (good, bad, True)
    assert alarm in wait_for_rollback_record(deployed).reason
    # A rollback to a bundle that does not load fails and changes nothing.
    answer = deployed.client("lambda").invoke(
        FunctionName=deployed.output("RollBackFunctionName"),
        Payload=json.dumps({"model": MODEL, "reason": "by mistake", "to": bad}),
    )
    assert json.loads(answer["Payload"].read())["errorType"] == "BundleError"
    assert pointer_of(deployed) == pointer


def test_each_rollback_is_counted(deployed: Target, promoted: list[str]) -> None:
    assert promoted
    records = read_decision_records(deployed.storage, MODEL)
    expected = sum(record.decision == "roll_back" for record in records)
    until = time.monotonic() + PATIENCE
    while (
        counted := _rollbacks(deployed, records[0].decided_at)
    ) < expected and time.monotonic() < until:
        time.sleep(1)
    assert counted == expected


def test_the_commands_go_back_and_tell_the_story(
    deployed: Target, promoted: list[str], evergreen: Callable[..., Any]
) -> None:
    first, second = promoted
    moved = evergreen("rollback", MODEL, "--to", second, "--reason", "it was the network")
    assert (moved["moved"], moved["challenger"], moved["champion"]) == (True, second, first)
    assert evergreen("rollback", MODEL)["moved"] is False
    assert pointer_of(deployed).version == second
    wait_until_mirrored(deployed, second)

    told = evergreen("history", MODEL)
    assert told["production"]["version"] == second
    turns = told["history"]
    assert [turn["decision"] for turn in turns[:3]] == ["promote", "promote", "roll_back"]
    assert [turn["version"] for turn in turns[:3]] == [first, second, first]
    assert turns[1]["against"] == first
    assert (turns[1]["metric"], turns[1]["rows"] > 0) == ("rmse", True)
    assert turns[-1]["reason"] == "it was the network"
    table = CliRunner().invoke(app, ["history", MODEL]).output
    assert f"promoted {second} over {first}" in table
    assert f"rolled back to {first} from {second}" in table
    assert "it was the network" in table
    assert f"In production: version {second}" in table

    missing = CliRunner().invoke(app, ["rollback", "no_such_model"])
    assert "no model is called" in str(missing.exception)


def test_a_retraining_by_hand_is_followed_to_its_end(
    deployed: Target, promoted: list[str], evergreen: Callable[..., Any]
) -> None:
    assert promoted
    result = evergreen("retrain", MODEL, "--wait", code=SKIPPED)
    assert result["status"] == "SUCCEEDED"
    # There are no labelled predictions since the promotion.
    assert result["output"]["error"]["Error"] == "NotEnoughDataError"
    started = evergreen("retrain", MODEL)["execution"]
    assert ":execution:" in started
    waited: list[str] = []
    entered = list(executions.states(deployed, started, waited.append))
    assert waited == []
    assert "Build the dataset" in entered
    assert entered[-1] == "Wait for more data"
    assert not executions.is_execution_running(deployed, started)
    assert not executions.is_execution_running(deployed, started + "0")


def test_the_doctor_finds_what_is_wrong_and_puts_it_right(
    deployed: Target, promoted: list[str], evergreen: Callable[..., Any]
) -> None:
    assert promoted
    assert evergreen("doctor", MODEL) == []
    context = release_context_of(deployed)
    context.storage.put_json(
        f"locks/{MODEL}.json", {"owner": "arn:gone", "taken_at": "2026-01-01T00:00:00Z"}
    )
    context.registry.set_production(MODEL, pointer_of(deployed).previous or "", None)
    found = evergreen("doctor", MODEL, code=1)
    assert len(found) == 2
    assert "arn:gone" in found[0]["found"]
    assert "MLflow shows another state" in found[1]["found"]
    fixed = evergreen("doctor", MODEL, "--fix")
    assert [each["fixed"] for each in fixed] == [True, True]
    assert evergreen("doctor", MODEL) == []
    assert context.registry.in_stage(MODEL) == [pointer_of(deployed).version]


def test_a_version_is_trained_and_promoted_by_hand(
    deployed: Target, promoted: list[str], evergreen: Callable[..., Any]
) -> None:
    assert promoted
    version = evergreen("train", MODEL)["version"]
    before = pointer_of(deployed).version
    assert before != version
    record = evergreen("promote", MODEL, version)
    assert (record["decision"], record["challenger"], record["champion"]) == (
        "promote",
        version,
        before,
    )
    assert record["reason"].startswith("promoted by hand; rmse")
    assert evergreen("promote", MODEL, version) == record
    assert pointer_of(deployed).version == version


def _rollbacks(target: Target, since: datetime) -> float:
    answer = target.client("cloudwatch").get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName=Metric.ROLLBACKS,
        Dimensions=[{"Name": MODEL_DIMENSION, "Value": MODEL}],
        StartTime=since,
        EndTime=since + timedelta(hours=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in answer["Datapoints"]))
