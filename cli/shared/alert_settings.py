"""What can be seen of and done to a deployment's alerts, on the emulator and on AWS alike."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cli.shared.invocation import FunctionError, call
from functions.notify.webhook import check_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.shared.target import Target

_BATCH = 10
_FUNCTION = "NotifyFunctionName"
_HIDDEN_SECONDS = 120
"""How long a message that is being sent again is hidden from whoever else looks."""


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """Who is told, and what could not be delivered."""

    webhook: str | None
    """Its host alone: the rest of the address is a secret."""
    emails: tuple[str, ...]
    undelivered: int


@dataclass(frozen=True, slots=True)
class Alerting:
    """The alerts of one deployment."""

    target: Target

    @property
    def parameter(self) -> str:
        """Name of the parameter that holds the webhook's address."""
        return f"/evergreen/{self.target.stage}/alerts/webhook"

    def set_webhook(self, address: str) -> None:
        """Have alerts sent to ``address`` from now on.

        Raises
        ------
        EvergreenError
            If it is no https address (or http, on an emulator).
        """
        check_address(address, http_allowed=self.target.is_emulator)
        self.target.client("ssm").put_parameter(
            Name=self.parameter, Value=address, Type="SecureString", Overwrite=True
        )

    def remove_webhook(self) -> bool:
        """Send to no webhook any more; say whether there was one."""
        try:
            self.target.client("ssm").delete_parameter(Name=self.parameter)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return False
            raise
        return True

    def status(self) -> AlertStatus:
        """Return who is told, and how many alerts could not be delivered."""
        answer = self.target.client("sqs").get_queue_attributes(
            QueueUrl=self.target.output("AlertDeadLettersUrl"),
            AttributeNames=["ApproximateNumberOfMessages"],
        )
        return AlertStatus(
            webhook=self._webhook_host(),
            emails=tuple(self._emails()),
            undelivered=int(answer["Attributes"]["ApproximateNumberOfMessages"]),
        )

    def test(self) -> dict[str, str]:
        """Send an alert that tells of nothing, and return what became of it by channel.

        Raises
        ------
        FunctionError
            If a channel did not take it.
        """
        return call(self.target, _FUNCTION, {"test": uuid.uuid4().hex})

    def redeliver(self) -> Iterator[str]:
        """Send again what could not be delivered; yield the title of each that now could.

        What cannot be delivered still stays where it is.

        Raises
        ------
        FunctionError
            If a channel did not take one.
        """
        sqs, url = self.target.client("sqs"), self.target.output("AlertDeadLettersUrl")
        while messages := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=_BATCH, VisibilityTimeout=_HIDDEN_SECONDS
        ).get("Messages"):
            for message in messages:
                handle = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
                try:
                    event = original_event(json.loads(message["Body"]))
                    outcomes = call(self.target, _FUNCTION, event)
                except FunctionError:
                    sqs.change_message_visibility(**handle, VisibilityTimeout=0)
                    raise
                sqs.delete_message(**handle)
                yield "; ".join(f"{place}: {outcome}" for place, outcome in outcomes.items())

    def _webhook_host(self) -> str | None:
        try:
            found = self.target.client("ssm").get_parameter(
                Name=self.parameter, WithDecryption=True
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return None
            raise
        return check_address(found["Parameter"]["Value"], http_allowed=True).netloc

    def _emails(self) -> Iterator[str]:
        pages = self.target.client("sns").get_paginator("list_subscriptions_by_topic")
        for page in pages.paginate(TopicArn=self.target.output("AlertTopicArn")):
            for each in page["Subscriptions"]:
                if each["Protocol"].startswith("email"):
                    waits = each["SubscriptionArn"] == "PendingConfirmation"
                    yield each["Endpoint"] + (" (not confirmed yet)" if waits else "")


def original_event(message: dict[str, Any]) -> dict[str, Any]:
    """Return the event that a message in the queue is about.

    Lambda wraps what its function failed on; SNS and EventBridge leave what they could not hand
    over, SNS without the list in which a function gets it.
    """
    if "requestPayload" in message:
        event: dict[str, Any] = message["requestPayload"]
        return event
    return {"Records": [{"Sns": message}]} if message.get("Type") == "Notification" else message
