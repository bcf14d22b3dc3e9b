"""Alerts of the deployed app: from an event on the bus to e-mail and to a webhook on loopback.

The test sets the webhook's address at run time, as a user does. It puts the events of a model that
no other test promotes. The test of the loop shows that drift checks put such events.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.shared.alert_settings import Alerting
from cli.shared.invocation import FunctionError
from evergreen.clock import to_text, utc_now
from evergreen.events import Events, EventType, read_event
from tests.support.webhook_receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result

    from cli.shared.target import Target
    from local.stack import Stack

ADDRESS = "people@example.com"
MODEL = "m"
CHECKED = "flight_duration"
PERIOD = 10
PATIENCE = 300
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
def alerting(deployed: Target) -> Alerting:
    return Alerting(deployed)


@pytest.fixture
def receiver(alerting: Alerting) -> Iterator[Receiver]:
    with Receiver() as receiver:
        alerting.set_webhook(receiver.address)
        try:
            yield receiver
        finally:
            alerting.remove_webhook()


@pytest.fixture(scope="module")
def mailbox(deployed: Target) -> Iterator[str]:
    """An address that gets the alert topic's e-mail, as with ``alert_email``."""
    sns = deployed.client("sns")
    subscription = sns.subscribe(
        TopicArn=deployed.output("AlertTopicArn"),
        Protocol="email",
        Endpoint=ADDRESS,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    yield f"{deployed.environment['AWS_ENDPOINT_URL']}/_aws/ses?email=admin@localstack.com"
    sns.unsubscribe(SubscriptionArn=subscription)


@pytest.fixture
def retries_once(deployed: Target) -> Iterator[None]:
    """Let Lambda retry once instead of twice: on AWS its pauses are one and two minutes."""
    client, name = deployed.client("lambda"), deployed.output("NotifyFunctionName")
    before = client.get_function_event_invoke_config(FunctionName=name)["MaximumRetryAttempts"]
    client.update_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
    yield
    client.update_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=before)


def detail(episode: str, state: str, **more: Any) -> dict[str, Any]:
    now = to_text(utc_now())
    return {
        "model": MODEL,
        "check_id": uuid.uuid4().hex,
        "model_version": "1",
        "rows": 1000,
        "verdict": "drift",
        "log": f"drift/log/model={MODEL}/{episode}.jsonl",
        "window_start": now,
        "window_end": now,
        "reason": f"1 of 2 features drifted (a) in {episode}",
        "drifted_features": ["a"],
        "evidence": {"effects": {"a": 0.4}},
        "start_retraining": False,
        "report": f"drift/reports/{MODEL}/{episode}.html",
        "episode_id": episode,
        "episode_state": state,
        "kind": "data_drift",
        "since": now,
        "severity": "critical",
        **more,
    }


def put(deployed: Target, kind: EventType, content: dict[str, Any]) -> None:
    bus = deployed.output("EventBusName")
    Events(bus, deployed.client("events")).put(read_event(kind, content))


def mails(mailbox: str, about: str) -> list[str]:
    answer = httpx.get(mailbox, timeout=30).raise_for_status().json()["messages"]
    texts = [mail["Body"]["text_part"] for mail in answer]
    return [text for text in texts if about in text]


def wait_for_mail(mailbox: str, about: str) -> None:
    """Wait for a mail: the emulator sends it after it has answered, and loads SES first."""
    until = time.monotonic() + PATIENCE
    while not mails(mailbox, about):
        assert time.monotonic() < until, f"no mail about {about!r} within {PATIENCE} s"
        time.sleep(0.5)


def test_an_episode_is_told_once_at_its_beginning_and_once_at_its_end(
    deployed: Target, receiver: Receiver, mailbox: str
) -> None:
    episode = f"{MODEL}.data_drift.{uuid.uuid4().hex}"
    report = f"drift/reports/{MODEL}/{episode}.html"
    deployed.storage.put(report, b"<title>what moved</title>")
    for _ in range(3):  # EventBridge may deliver twice, and a check may put twice
        put(deployed, EventType.DATA_DRIFT_DETECTED, detail(episode, "detected"))
    receiver.wait_for(f"[critical] {MODEL}: data drift detected")
    ended = detail(episode, "cleared", ended_at=to_text(utc_now()), ended_by="cleared")
    for _ in range(2):
        put(deployed, EventType.DRIFT_CLEARED, ended)
    receiver.wait_for(f"[info] {MODEL}: drift has cleared")
    put(deployed, EventType.DRIFT_CHECK_COMPLETED, detail(episode, "ongoing", episodes={}))
    last = f"{MODEL}.performance.{uuid.uuid4().hex}"
    recovered = ended | {"episode_id": last, "kind": "performance"}
    put(deployed, EventType.PERFORMANCE_RECOVERED, recovered)
    titles = receiver.wait_for(f"[info] {MODEL}: performance has recovered")
    assert sorted(titles) == [
        f"[critical] {MODEL}: data drift detected",
        f"[info] {MODEL}: drift has cleared",
        f"[info] {MODEL}: performance has recovered",
    ]

    wait_for_mail(mailbox, "performance has recovered")
    (began, cleared) = sorted(mails(mailbox, "data drift detected") + mails(mailbox, "has cleared"))
    assert began.startswith(f"[critical] {MODEL}: data drift detected")
    assert cleared.startswith(f"[info] {MODEL}: drift has cleared")
    link = began.rpartition("Report: ")[2].strip()
    assert httpx.get(link, timeout=30).text == "<title>what moved</title>"
    slack = next(body for body in receiver.heard if "drift detected" in body["text"])
    assert f"<{link}|Open the report>" in json.dumps(slack)


def test_an_alarm_reaches_the_webhook(deployed: Target, receiver: Receiver) -> None:
    name = f"evergreen-{deployed.stage}-ServingDeadLetters"
    client = deployed.client("cloudwatch")
    (alarm,) = client.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    client.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="the test begins")
    client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a queue is not empty")
    receiver.wait_for(f"[critical] {name}: alarm")
    told = next(body for body in receiver.heard if name in body["text"])
    assert "a queue is not empty" in json.dumps(told)
    assert alarm["AlarmDescription"][:40] in json.dumps(told)
    client.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="the test ends")
    receiver.wait_for(f"[info] {name}: alarm is over")


def test_a_receiver_that_does_not_answer_holds_up_no_drift_check(
    deployed: Target, receiver: Receiver
) -> None:
    receiver.hold.clear()
    episode = f"{MODEL}.data_drift.{uuid.uuid4().hex}"
    put(deployed, EventType.DATA_DRIFT_DETECTED, detail(episode, "detected"))
    receiver.wait(lambda: bool(receiver.heard), PATIENCE, "the first attempt")
    answer = deployed.client("lambda").invoke(
        FunctionName=deployed.output("DriftFunctionName"),
        Payload=json.dumps({"model": CHECKED, "window": "1 hour"}).encode(),
    )
    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read())["model"] == CHECKED
    assert not receiver.hold.is_set()
    receiver.hold.set()


def test_an_alert_that_nobody_takes_is_tried_again_kept_alarmed_of_and_sent_again(
    deployed: Target,
    alerting: Alerting,
    receiver: Receiver,
    mailbox: str,
    retries_once: None,
) -> None:
    name = f"evergreen-{deployed.stage}-AlertsDeadLetters"
    cloudwatch = deployed.client("cloudwatch")
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    kept = {key: alarm[key] for key in _SETTABLE if key in alarm}
    cloudwatch.put_metric_alarm(**kept | {"Period": PERIOD})
    receiver.status = 500
    before = alerting.status().undelivered
    episode = f"{MODEL}.data_drift.{uuid.uuid4().hex}"
    put(deployed, EventType.DATA_DRIFT_DETECTED, detail(episode, "detected"))
    receiver.wait(
        lambda: alerting.status().undelivered > before, PATIENCE, "the queue of the undelivered"
    )
    attempts = [body for body in receiver.heard if episode in body["text"]]
    assert len(attempts) == 6  # three attempts in each of two invocations
    wait_for_mail(mailbox, episode)
    assert len(mails(mailbox, episode)) == 1  # the other channel got it once, at once

    def alarmed() -> bool:
        (now,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return bool(now["StateValue"] == "ALARM")

    receiver.wait(alarmed, PATIENCE, "the alarm on the queue")
    cloudwatch.put_metric_alarm(**kept)

    receiver.status = 200
    assert any("sent" in outcome for outcome in alerting.redeliver())
    assert alerting.status().undelivered == 0
    assert len([body for body in receiver.heard if episode in body["text"]]) == 7
    assert len(mails(mailbox, episode)) == 1


def test_the_command_sets_a_webhook_tries_it_out_and_shows_its_host_alone(
    local_stack: Stack, mailbox: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.shared.target.running_stack", lambda _: local_stack)

    def evergreen(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["alerts", *arguments])

    with Receiver() as receiver:
        done = evergreen("--webhook", receiver.address, "--test", "--json")
        assert done.exit_code == 0, done.output
        status = json.loads(done.stdout)
        assert status["webhook"] == urlsplit(receiver.address).netloc
        assert any(ADDRESS in each for each in status["emails"])
        assert receiver.titles() == ["[info] Evergreen: a test"]
        wait_for_mail(mailbox, "Evergreen: a test")
        assert len(mails(mailbox, "Evergreen: a test")) == 1
        receiver.status = 404
        refused = evergreen("--test")
    assert isinstance(refused.exception, FunctionError)
    assert "answered 404" in str(refused.exception)
    shown = evergreen().output
    assert status["webhook"] in shown
    assert "secret" not in done.output + shown
    wrong = evergreen("--webhook", "ftp://example.com/secret")
    assert "must begin with https:// or http://" in str(wrong.exception)
    assert "removed" in evergreen("--remove-webhook").output
    assert "there was none" in evergreen("--remove-webhook").output
    assert "none; set one with --webhook" in evergreen().output
