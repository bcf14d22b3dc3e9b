"""The dead-letter queue for events that could not be delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs

if TYPE_CHECKING:
    from constructs import Construct

    from cdk.storage_stack import StorageStack

_KEPT = Duration.days(14)  # the longest there is


class DeadLetters(sqs.Queue):
    """The dead-letter queue of a stack; an alarm is on while it holds a message."""

    def __init__(self, scope: Construct, storage: StorageStack, name: str) -> None:
        self.name = storage.deployment.settings.name(name, "dead-letters")
        super().__init__(
            scope,
            "DeadLetters",
            queue_name=self.name,
            # An event holds no row of data, so the key of SQS is enough. EventBridge and Lambda
            # need no permission for that key.
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_KEPT,
        )
