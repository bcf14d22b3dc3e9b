"""Alarms of the deployed app: each goes on and off, and the alert topic gets both messages.

Three alarms have a real cause: a production pointer to a missing bundle, and a drift check that
fails. For two others the test puts the metric. LocalStack does not measure executions of a state
machine, and a stream cannot be broken on demand.

Each alarm is the deployed one with a shorter period: the shortest that LocalStack keeps.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from evergreen.metrics.catalog import MODEL_DIMENSION, NAMESPACE, Metric
from evergreen.production import Production, ProductionPointer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.shared.target import Target

MODEL = "flight_duration"
BY_TRAFFIC = {"FlightDurationServerErrors", "FlightDurationModelLoadFailures", "CheckDriftErrors"}
BY_NUMBER = {"RetrainingFailed", "FlightDelayLogSpills"}
PERIOD = 10
PATIENCE = 120
_SETTABLE = (
    "AlarmName",
    "AlarmDescription",
    "OKActions",
    "AlarmActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "Dimensions",
    "Period",
    "EvaluationPeriods",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
)


@pytest.fixture(scope="module")
def alarms(deployed: Target) -> Iterator[dict[str, dict[str, Any]]]:
    """The deployed alarms, with short periods during the test."""
    cloudwatch = deployed.client("cloudwatch")
    names = [_full(deployed, name) for name in sorted(BY_TRAFFIC | BY_NUMBER)]
    found = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert len(found) == len(names)
    kept = [{key: alarm[key] for key in _SETTABLE if key in alarm} for alarm in found]
    for alarm in kept:
        cloudwatch.put_metric_alarm(**alarm | {"Period": PERIOD})
    yield {alarm["AlarmName"]: alarm for alarm in kept}
    for alarm in kept:
        cloudwatch.put_metric_alarm(**alarm)


@pytest.fixture(scope="module")
def told(deployed: Target) -> Iterator[str]:
    """The URL of a queue that gets the messages of the alert topic."""
    sqs, sns = deployed.client("sqs"), deployed.client("sns")
    url = sqs.create_queue(QueueName="what-people-are-told")["QueueUrl"]
    wanted = ["QueueArn"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]["QueueArn"]
    subscription = sns.subscribe(
        TopicArn=deployed.outputs["AlertTopicArn"],
        Protocol="sqs",
        Endpoint=arn,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    yield url
    sns.unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=url)


def test_alarms_begin_end_and_tell(
    deployed: Target, alarms: dict[str, dict[str, Any]], told: str
) -> None:
    _wait(deployed, alarms, "OK")
    _fail_to_load_a_model(deployed)
    _fail_to_check_drift(deployed)
    _put(deployed, alarms[_full(deployed, "FlightDelayLogSpills")])
    _put(deployed, alarms[_full(deployed, "RetrainingFailed")])
    _wait(deployed, alarms, "ALARM")
    _wait(deployed, alarms, "OK")
    heard: list[dict[str, Any]] = []
    until = time.monotonic() + PATIENCE
    # The last message is delivered after its alarm has changed.
    while not all(_states(heard, name)[-2:] == ["ALARM", "OK"] for name in alarms):
        assert time.monotonic() < until, heard
        heard = _in_order([*heard, *_heard(deployed, told)])
    for alarm in alarms.values():
        assert alarm["AlarmDescription"] in {each["AlarmDescription"] for each in heard}


def test_what_was_asked_for_is_counted_by_all_its_dimensions(deployed: Target) -> None:
    found = {
        frozenset((each["Name"], each["Value"]) for each in metric["Dimensions"])
        for page in deployed.client("cloudwatch")
        .get_paginator("list_metrics")
        .paginate(Namespace=NAMESPACE, MetricName=Metric.RESPONSES)
        for metric in page["Metrics"]
    }
    model = (MODEL_DIMENSION, MODEL)
    assert {frozenset([model]), frozenset([model, ("status", "503")])} <= found


def _fail_to_load_a_model(deployed: Target) -> None:
    production = Production(deployed.stage, deployed.client("ssm"))
    assert production.read(MODEL) is None, "this would replace the model in production"
    missing = deployed.storage.uri(f"bundles/{MODEL}/999/")
    production.write(
        MODEL,
        ProductionPointer(
            version="999",
            bundle_uri=missing,
            sha256="0" * 64,
            reference_dataset_id="ds-none",
            promoted_at=datetime.now(UTC),
        ),
    )
    try:
        response = httpx.get(
            f"{deployed.api_url.rstrip('/')}/models/{MODEL}/ping",
            headers={"x-api-key": deployed.api_key},
            timeout=60,
        )
    finally:
        deployed.client("ssm").delete_parameter(Name=production.parameter(MODEL))
    assert response.status_code == 503
    assert "did not load" in response.json()["detail"]


def _fail_to_check_drift(deployed: Target) -> None:
    answer = deployed.client("lambda").invoke(
        FunctionName=deployed.outputs["DriftFunctionName"],
        Payload=json.dumps({"model": MODEL, "window": "no time at all"}),
    )
    assert answer["FunctionError"]


def _put(deployed: Target, alarm: dict[str, Any]) -> None:
    deployed.client("cloudwatch").put_metric_data(
        Namespace=alarm["Namespace"],
        MetricData=[
            {"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Value": 1}
        ],
    )


def _wait(deployed: Target, alarms: dict[str, dict[str, Any]], state: str) -> None:
    cloudwatch = deployed.client("cloudwatch")
    until = time.monotonic() + PATIENCE
    waiting = set(alarms)
    while waiting and time.monotonic() < until:
        time.sleep(1)
        found = cloudwatch.describe_alarms(AlarmNames=sorted(waiting))["MetricAlarms"]
        waiting -= {each["AlarmName"] for each in found if each["StateValue"] == state}
    assert not waiting, f"never in {state}"


def _heard(deployed: Target, url: str) -> list[dict[str, Any]]:
    """Return the messages about alarms that have come to the queue, and take them out of it."""
    sqs = deployed.client("sqs")
    heard: list[dict[str, Any]] = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2).get(
        "Messages"
    ):
        for message in batch:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            heard.append(json.loads(json.loads(message["Body"])["Message"]))
    return [each for each in heard if "AlarmName" in each]


def _in_order(heard: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(heard, key=lambda each: str(each["StateChangeTime"]))


def _states(heard: list[dict[str, Any]], alarm: str) -> list[str]:
    """Return the states that an alarm went to, as people were told."""
    return [each["NewStateValue"] for each in heard if each["AlarmName"] == alarm]


def _full(deployed: Target, name: str) -> str:
    return f"evergreen-{deployed.stage}-{name}"
