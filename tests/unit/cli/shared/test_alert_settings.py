"""Alerting from the command line: who gets a test alert, and what an undelivered message was."""

from __future__ import annotations

from typing import Any

import pytest

from cli.shared.alert_settings import Alerting, original_event

EVENT = {"id": "1", "detail-type": "Data Drift Detected", "detail": {}}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"version": "1.0", "requestPayload": EVENT, "responsePayload": {}}, EVENT),
        (EVENT, EVENT),
        (
            {"Type": "Notification", "Message": "{}"},
            {"Records": [{"Sns": {"Type": "Notification", "Message": "{}"}}]},
        ),
    ],
)
def test_the_original_event_is_found(
    message: dict[str, object], expected: dict[str, object]
) -> None:
    assert original_event(message) == expected


class Topic:
    """A deployment whose alert topic has these subscriptions of e-mail."""

    stage = "dev"

    def __init__(self, *arns: str) -> None:
        self.arns = arns

    def client(self, _: str) -> Any:
        return self

    def output(self, name: str) -> str:
        return name

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        each = {"Protocol": "email", "Endpoint": "a@example.com"}
        return [{"Subscriptions": [{**each, "SubscriptionArn": arn} for arn in self.arns]}]


@pytest.mark.parametrize(
    ("arns", "outcome"),
    [
        ((), "no address is set up"),
        (("PendingConfirmation",), "no address has confirmed it yet"),
        (("PendingConfirmation", "arn:aws:sns:eu-central-1:000000000000:alerts:1"), "sent"),
    ],
)
def test_a_test_alert_says_that_nobody_gets_its_mail(
    arns: tuple[str, ...], outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = {"email: a test": "sent", "webhook: a test": "sent"}
    monkeypatch.setattr("cli.shared.alert_settings.call", lambda *_: dict(sent))
    topic: Any = Topic(*arns)
    assert Alerting(topic).test() == {"email: a test": outcome, "webhook: a test": "sent"}
