"""The alert settings of a deployment: the webhook, the e-mail addresses, undelivered alerts."""

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
_UNCONFIRMED = " (not confirmed yet)"
_FUNCTION = "NotifyFunctionName"
_HIDDEN_SECONDS = 120
"""How long other receivers cannot see a message that is being sent again."""


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """Where alerts are sent, and the number of undelivered alerts."""

    webhook: str | None
    """The host of the webhook; the rest of the address is a secret."""
    emails: tuple[str, ...]
    undelivered: int


@dataclass(frozen=True, slots=True)
class Alerting:
    """Reads and changes the alert settings of one deployment."""

    target: Target

    @property
    def parameter(self) -> str:
        """Name of the SSM parameter that holds the webhook's address."""
        return f"/evergreen/{self.target.stage}/alerts/webhook"

    def set_webhook(self, address: str) -> None:
        """Set the webhook to ``address``.

        Raises
        ------
        EvergreenError
            If it is not an https address; on an emulator http is allowed too.
        """
        check_address(address, http_allowed=self.target.is_emulator)
        self.target.client("ssm").put_parameter(
            Name=self.parameter, Value=address, Type="SecureString", Overwrite=True
        )

    def remove_webhook(self) -> bool:
        """Remove the webhook; return whether one was set."""
        try:
            self.target.client("ssm").delete_parameter(Name=self.parameter)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return False
            raise
        return True

    def status(self) -> AlertStatus:
        """Return where alerts are sent, and the number of undelivered alerts."""
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
        """Send a test alert, and return the outcome by channel.

        The alert topic takes a message also if nobody gets its e-mail. The outcome says so.

        Raises
        ------
        FunctionError
            If a channel refused it.
        """
        outcomes = call(self.target, _FUNCTION, {"test": uuid.uuid4().hex})
        emails = [*self._emails()]
        if any(not email.endswith(_UNCONFIRMED) for email in emails):
            return outcomes
        why = "no address has confirmed it yet" if emails else "no address is set up"
        return {
            place: why if place.startswith("email:") else outcome
            for place, outcome in outcomes.items()
        }

    def redeliver(self) -> Iterator[str]:
        """Send the undelivered alerts again; yield the outcome of each that was delivered.

        An alert that fails again stays in the queue.

        Raises
        ------
        FunctionError
            If a channel refused an alert.
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
                    yield each["Endpoint"] + (_UNCONFIRMED if waits else "")


def original_event(message: dict[str, Any]) -> dict[str, Any]:
    """Return the event of a message in the dead-letter queue.

    Lambda puts the event of a failed invocation into an envelope. EventBridge and SNS leave the
    event that they could not deliver, SNS without its list ``Records``.
    """
    if "requestPayload" in message:
        event: dict[str, Any] = message["requestPayload"]
        return event
    return {"Records": [{"Sns": message}]} if message.get("Type") == "Notification" else message
