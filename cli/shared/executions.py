"""Executions of the state machine: start, follow and read them."""

from __future__ import annotations

import json
import time
from datetime import UTC
from typing import TYPE_CHECKING, Any

from cli.shared.target import options_of
from evergreen.errors import EvergreenError
from evergreen.release import executions
from evergreen.release.retraining_lock import release_stale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_stepfunctions import SFNClient

    from cli.shared.target import Target

EXECUTION_POLL_SECONDS = 1.0
_SHOWN = ("TaskStateEntered", "WaitStateEntered", "FailStateEntered", "SucceedStateEntered")


def start_execution(target: Target, model: str, dataset_id: str | None = None) -> str:
    """Start a retraining, with or without drift, and return the execution's ARN.

    Parameters
    ----------
    dataset_id
        The data set to train on; if not given, one is built from the request log.
    """
    request = {"model": model} | ({} if dataset_id is None else {"dataset_id": dataset_id})
    answer = target.client("stepfunctions").start_execution(
        stateMachineArn=target.output("StateMachineArn"), input=json.dumps(request)
    )
    return str(answer["executionArn"])


def run_execution(target: Target, machine: str, event: dict[str, Any]) -> dict[str, Any]:
    """Run a state machine on an event, wait for its end and return its output.

    Parameters
    ----------
    machine
        The state machine's ARN.

    Raises
    ------
    EvergreenError
        If the execution fails; the message is that of the step that failed.
    """
    answer = target.client("stepfunctions").start_execution(
        stateMachineArn=machine, input=json.dumps(event)
    )
    execution = str(answer["executionArn"])
    while is_execution_running(target, execution):
        time.sleep(EXECUTION_POLL_SECONDS)
    result = execution_result(target, execution)
    if result["status"] != "SUCCEEDED":
        raise EvergreenError(result["cause"] or result["status"], where=execution)
    output: dict[str, Any] = result["output"]
    return output


def is_execution_running(target: Target, execution: str) -> bool:
    """Return whether an execution still runs."""
    return executions.is_running(target.client("stepfunctions"), execution)


def states(target: Target, execution: str, waits: Callable[[str], None]) -> Iterator[str]:
    """Yield the name of each state when it is entered, until the execution ends.

    Choice and Pass states take no time and are left out.

    Parameters
    ----------
    waits
        Is told of each try of a state that found a service away: since when, and what it said.
        The state machine tries again.
    """
    client = target.client("stepfunctions")
    seen, away = 0, ""
    while True:
        running = is_execution_running(target, execution)
        pages = client.get_paginator("get_execution_history").paginate(executionArn=execution)
        for event in [event for page in pages for event in page["events"]][seen:]:
            seen += 1
            if event["type"] in _SHOWN:
                away = ""
                yield str(event["stateEnteredEventDetails"]["name"])
            if cause := executions.found_away(event):
                away = away or f"{event['timestamp'].astimezone(UTC):%H:%M:%S} UTC"
                waits(f"since {away}: {cause}")
        if not running:
            return
        time.sleep(EXECUTION_POLL_SECONDS)


def execution_result(target: Target, execution: str) -> dict[str, Any]:
    """Return an execution's ``status``, its ``output``, and its ``error`` and ``cause`` if any."""
    answer = target.client("stepfunctions").describe_execution(executionArn=execution)
    return {
        "execution": execution,
        "status": answer["status"],
        "output": json.loads(answer["output"]) if answer.get("output") else None,
        "error": answer.get("error"),
        "cause": executions.message_of(answer.get("cause")),
    }


def running_of(target: Target, model: str) -> list[str]:
    """Return the ARNs of the running retrainings and trainings of a model."""
    client = target.client("stepfunctions")
    pages = client.get_paginator("list_executions").paginate(
        stateMachineArn=target.output("StateMachineArn"), statusFilter="RUNNING"
    )
    running = [str(each["executionArn"]) for page in pages for each in page["executions"]]
    return [each for each in running if _model_of(client, each) == model]


def stop_executions(target: Target, model: str) -> list[str]:
    """End what runs of a model, release its lock, and return the ARNs of what was ended.

    A function of an execution that is at work finishes its work. `evergreen doctor` finds what it
    leaves.
    """
    client = target.client("stepfunctions")
    stopped = running_of(target, model)
    for execution in stopped:
        client.stop_execution(executionArn=execution, cause="stopped by evergreen retrain --stop")
    while any(is_execution_running(target, execution) for execution in stopped):
        time.sleep(EXECUTION_POLL_SECONDS)
    release_stale(target.storage, model, lambda owner: is_execution_running(target, owner))
    return stopped


def stop_command(target: Target, model: str) -> str:
    """Return the command that stops what runs of a model."""
    return f"evergreen retrain {model} --stop{options_of(target)}"


def _model_of(client: SFNClient, execution: str) -> object:
    """Return the model of an execution; None if its input names none."""
    try:
        given = json.loads(client.describe_execution(executionArn=execution)["input"])
    except ValueError:
        return None
    return given.get("model") if isinstance(given, dict) else None
