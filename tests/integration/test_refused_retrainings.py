"""Invalid retraining requests to the deployed state machine: the failure and its event.

Each execution ends in a failed state that names the step and the field. It puts an event and leaves
no lock.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from evergreen.release.retraining_lock import lock_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.shared.target import Target

MODEL = "daily_ridership"


@pytest.fixture(scope="module")
def told(deployed: Target) -> Iterator[str]:
    """A queue that gets the retraining events of the bus."""
    name = f"told-{uuid4().hex[:8]}"
    sqs, events = deployed.client("sqs"), deployed.client("events")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    bus = deployed.output("EventBusName")
    pattern = json.dumps({"source": ["evergreen"], "detail-type": ["Retraining Failed"]})
    events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)
    events.put_targets(
        Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}]
    )
    yield queue
    events.remove_targets(Rule=name, EventBusName=bus, Ids=["queue"])
    events.delete_rule(Name=name, EventBusName=bus)
    sqs.delete_queue(QueueUrl=queue)


def ended(deployed: Target, asked: dict[str, Any]) -> dict[str, Any]:
    client = deployed.client("stepfunctions")
    arn = client.start_execution(
        stateMachineArn=deployed.output("StateMachineArn"), input=json.dumps(asked)
    )["executionArn"]
    deadline = time.monotonic() + 240
    while True:
        answer: dict[str, Any] = client.describe_execution(executionArn=arn)
        if answer["status"] != "RUNNING" or time.monotonic() > deadline:
            return answer
        time.sleep(1)


def event_of(deployed: Target, queue: str, execution: str) -> dict[str, Any]:
    sqs = deployed.client("sqs")
    for _ in range(12):
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=5)
        for message in answer.get("Messages", []):
            detail: dict[str, Any] = json.loads(message["Body"])["detail"]
            if detail["execution"] == execution:
                return detail
    raise AssertionError("no event came")


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({}, "RetrainingRequestError", "model: the input has no such text"),
        ({"model": 7}, "RetrainingRequestError", "model: the input has no such text"),
        ({"model": ""}, "RetrainingRequestError", "model: String should have at least 1"),
        ({"model": "early_bus"}, "UnknownModelError", "no model is called 'early_bus'"),
        (
            {"detail-type": "Data Drift Detected", "detail": {"model": "early_bus"}},
            "UnknownModelError",
            "Known models: daily_ridership",
        ),
    ],
)
def test_a_request_that_cannot_be_served_says_so(
    deployed: Target, told: str, asked: dict[str, Any], error: str, said: str
) -> None:
    answer = ended(deployed, asked)
    assert (answer["status"], answer["error"]) == ("FAILED", error)
    assert answer["cause"].startswith("Validate the request: ")
    assert said in answer["cause"]
    event = event_of(deployed, told, answer["executionArn"])
    assert (event["step"], event["reason"]) == ("Validate the request", error)
    assert said in event["message"]


def test_a_model_without_a_champion_fails_at_its_step_and_leaves_no_lock(
    deployed: Target, told: str
) -> None:
    answer = ended(deployed, {"model": MODEL})
    assert (answer["status"], answer["error"]) == ("FAILED", "NoProductionModelError")
    assert answer["cause"].startswith("Build the dataset: ")
    event = event_of(deployed, told, answer["executionArn"])
    assert (event["model"], event["step"]) == (MODEL, "Build the dataset")
    assert deployed.storage.get(lock_key(MODEL)) is None
