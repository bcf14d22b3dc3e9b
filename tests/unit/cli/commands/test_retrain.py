"""What a person is told of a retraining; a whole one is followed in tests/integration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import typer

from cli.commands import retrain
from cli.commands.retrain import describe_result, follow
from cli.shared import executions
from cli.shared.target import Target
from evergreen.clock import utc_now
from evergreen.release.retraining_lock import read_lock, take_lock
from tests.support.target_in_process import TargetInProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.aws_in_process import Account

ARN = "arn:aws:states:us-east-1:000000000000:execution:retrain:1"
TARGET = Target("dev", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})


def result(**changes: Any) -> dict[str, Any]:
    return {"execution": ARN, "status": "SUCCEEDED", "output": None} | changes


@pytest.mark.parametrize(("decision", "done"), [("promote", "promoted"), ("reject", "rejected")])
def test_a_decision_is_told_with_its_reason(decision: str, done: str) -> None:
    output = {"decision": decision, "challenger": "7", "reason": "f1 is better"}
    assert describe_result("fruit", result(output=output)).startswith(
        f"Version 7 of fruit was {done}: f1 is better."
    )


def test_what_was_skipped_or_ended_without_a_decision_is_told_too() -> None:
    error = {"Error": "NotEnoughDataError", "Cause": "19 labelled rows"}
    skipped = describe_result("fruit", result(output={"error": error}))
    assert skipped == "Skipped, nothing was trained: 19 labelled rows"
    cause = json.dumps(
        {"errorMessage": f"s3://data/locks/fruit.json: fruit is being retrained by {ARN}"}
    )
    held = {"Error": "RetrainingInProgressError", "Cause": cause}
    assert describe_result("fruit", result(output={"error": held})) == (
        f"Skipped, nothing was trained: fruit is being retrained by {ARN}. "
        "`evergreen retrain fruit --stop` ends it"
    )
    assert ARN in describe_result("fruit", result(status="ABORTED"))


def test_an_interruption_stops_the_watching_and_says_how_to_stop_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_target: Target, _execution: str, _waits: object) -> Iterator[str]:
        yield "Take the lock"
        raise KeyboardInterrupt

    monkeypatch.setattr(executions, "states", interrupted)
    with pytest.raises(KeyboardInterrupt):
        follow(TARGET, "fruit", ARN, "train")
    said = " ".join(capsys.readouterr().err.split())
    assert "the execution goes on" in said
    assert "train interrupted; the execution goes on. Stop it with: evergreen retrain" in said
    assert said.endswith("evergreen retrain fruit --stop")


@pytest.mark.parametrize(
    ("output", "status"),
    [
        ({"decision": "reject", "challenger": "7", "reason": "f1"}, 0),
        ({"error": {"Error": "NotEnoughDataError", "Cause": "19 labelled rows"}}, 3),
    ],
    ids=["decided", "skipped"],
)
def test_what_was_skipped_has_an_exit_status_of_its_own(
    monkeypatch: pytest.MonkeyPatch, output: dict[str, Any], status: int
) -> None:
    monkeypatch.setattr(retrain, "follow", lambda *_: result(output=output))
    try:
        retrain.finish(TARGET, "fruit", ARN, "retrain", json=False)
        ended = 0
    except typer.Exit as exit_:
        ended = exit_.exit_code
    assert ended == status


def test_stopping_ends_the_executions_of_the_model_and_releases_the_lock(aws: Account) -> None:
    role = "arn:aws:iam::123456789012:role/states"
    client = aws.client("stepfunctions")
    flow = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
    machine = client.create_state_machine(name="m", definition=json.dumps(flow), roleArn=role)
    arn = machine["stateMachineArn"]

    def start(model: str) -> str:
        begun = client.start_execution(stateMachineArn=arn, input=json.dumps({"model": model}))
        return str(begun["executionArn"])

    fruit, other = start("fruit"), start("bread")
    target = TargetInProcess.of(aws)
    target.__dict__["outputs"] = {"StateMachineArn": arn, "BucketName": "data"}
    for model, owner in (("fruit", fruit), ("bread", other)):
        take_lock(target.storage, model, owner, is_running=lambda _: True, clock=utc_now)
    assert executions.stop_executions(target, "fruit") == [fruit]
    assert client.describe_execution(executionArn=fruit)["status"] == "ABORTED"
    assert client.describe_execution(executionArn=other)["status"] == "RUNNING"
    assert read_lock(target.storage, "fruit") is None
    assert read_lock(target.storage, "bread") is not None
    assert executions.stop_executions(target, "fruit") == []
