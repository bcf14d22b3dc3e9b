"""The dead-letter queue for events that could not be delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
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
        stack = Stack.of(self)
        self.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue_arn],
                conditions={
                    "ArnLike": {
                        "aws:SourceArn": stack.format_arn(
                            service="events",
                            resource="rule",
                            resource_name=f"*{stack.stack_name}-*",
                        )
                    }
                },
            )
        )
        # As an imported queue it gets no statement from each rule: SQS takes at most twenty.
        self.of_rules = sqs.Queue.from_queue_arn(self, "OfRules", self.queue_arn)
        """The queue for the targets of this stack's rules, which one statement lets in."""
