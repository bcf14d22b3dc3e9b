"""A state machine that a command waits for gives its output, or the error of its step."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from cli.commands.check_drift import run_check_now
from cli.shared import executions
from cli.shared.executions import run_execution
from cli.shared.target import Target
from evergreen.clock import parse_period
from evergreen.errors import EvergreenError
from evergreen.release.executions import AWAY

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:check"
ARN = "arn:aws:states:us-east-1:000000000000:execution:check:1"
EVENT = {"model": "plant", "window": "3600 seconds", "report": False}


class Stubbed(Target):
    """A deployment with a query engine, whose Step Functions gives prepared answers."""

    def __init__(self, *ends: dict[str, Any]) -> None:
        super().__init__("dev", {})
        client = boto3.client(
            "stepfunctions", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        self.__dict__["step_functions"] = client
        stub = Stubber(client)
        started = {"executionArn": ARN, "startDate": 0}
        asked = {"stateMachineArn": MACHINE, "input": json.dumps(EVENT)}
        stub.add_response("start_execution", started, asked)
        for end in ends:
            answer = {"executionArn": ARN, "stateMachineArn": MACHINE, "startDate": 0, **end}
            stub.add_response("describe_execution", answer, {"executionArn": ARN})
        stub.activate()
        self.__dict__["outputs"] = {"DriftStateMachineArn": MACHINE}

    def client(self, service: str, config: Any = None) -> Any:
        assert (service, config) == ("stepfunctions", None)
        return self.__dict__["step_functions"]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executions, "EXECUTION_POLL_SECONDS", 0.0)


def test_the_output_of_an_execution_comes_back_when_it_has_ended() -> None:
    end = {"status": "SUCCEEDED", "output": '{"verdict": "no_drift"}'}
    target = Stubbed({"status": "RUNNING"}, end, end)
    assert run_execution(target, MACHINE, EVENT) == {"verdict": "no_drift"}


def test_a_failed_execution_says_what_its_step_said() -> None:
    end = {"status": "FAILED", "cause": '{"errorMessage": "the output is gone"}', "error": "E"}
    with pytest.raises(EvergreenError, match="the output is gone"):
        run_execution(Stubbed(end, end), MACHINE, EVENT)


def test_each_try_that_finds_mlflow_away_is_told_and_since_when() -> None:
    start = datetime(2026, 1, 1, 13, 0, tzinfo=UTC)
    answer = {"error": AWAY, "cause": '{"errorMessage": "MLflow does not answer: refused"}'}
    events: list[dict[str, Any]] = [
        {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Take the lock"}},
        {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Train a challenger"}},
        {"type": "LambdaFunctionFailed", "lambdaFunctionFailedEventDetails": answer},
        {"type": "LambdaFunctionFailed", "lambdaFunctionFailedEventDetails": answer},
        {"type": "LambdaFunctionFailed", "lambdaFunctionFailedEventDetails": {"error": "Other"}},
        {"type": "SucceedStateEntered", "stateEnteredEventDetails": {"name": "Done"}},
    ]
    client = boto3.client(
        "stepfunctions", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    about = {"executionArn": ARN, "stateMachineArn": MACHINE, "startDate": 0}
    with Stubber(client) as stub:
        stub.add_response("describe_execution", about | {"status": "SUCCEEDED"})
        history = [
            {"id": number, "timestamp": start + timedelta(seconds=30 * number)} | event
            for number, event in enumerate(events)
        ]
        stub.add_response("get_execution_history", {"events": history})
        target = Target("dev", {})
        target.__dict__["client"] = lambda _: client
        told: list[str] = []
        entered = list(executions.states(target, ARN, told.append))
    assert entered == ["Take the lock", "Train a challenger", "Done"]
    assert told == ["since 13:01:00 UTC: MLflow does not answer: refused"] * 2


def test_a_check_runs_the_state_machine_where_a_query_reads_the_log() -> None:
    end = {"status": "SUCCEEDED", "output": '{"verdict": "no_drift", "log": "drift/log/x"}'}
    answer = run_check_now(Stubbed(end, end), "plant", parse_period("1 hour"), None, report=False)
    assert answer == {"verdict": "no_drift", "log": "drift/log/x"}
