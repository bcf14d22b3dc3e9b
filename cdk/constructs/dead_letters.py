"""Where an event ends up that nobody could be given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs

if TYPE_CHECKING:
    from constructs import Construct

    from cdk.storage_stack import StorageStack

_KEPT = Duration.days(14)  # the longest there is


class DeadLetters(sqs.Queue):
    """A stack's queue of undelivered events; an alarm watches that it is empty."""

    def __init__(self, scope: Construct, storage: StorageStack, name: str) -> None:
        self.name = storage.deployment.settings.name(name, "dead-letters")
        super().__init__(
            scope,
            "DeadLetters",
            queue_name=self.name,
            # An event names a model and what happened, and holds no row of data: SQS' own key will
            # do, which EventBridge and Lambda need no permission for.
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_KEPT,
        )
