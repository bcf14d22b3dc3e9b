"""Notifications: sends our events and CloudWatch's alarms by e-mail and to a webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from cdk.capacity import Capacity
from cdk.constructs import access
from cdk.constructs.building.functions import PythonFunction
from cdk.constructs.dead_letters import DeadLetters
from evergreen.alerting.messages import ALERTED
from evergreen.events import SOURCE

if TYPE_CHECKING:
    from cdk.storage_stack import StorageStack

_SECONDS = 60
"""Timeout in seconds: three attempts at a webhook that does not answer, with pauses."""


class Notifications(Construct):
    """The alert function, the rules and topic that call it, and its dead-letter queue.

    All calls are asynchronous, so no drift check, promotion or alarm waits for a receiver.
    """

    def __init__(self, scope: Construct, storage: StorageStack, topic: sns.Topic) -> None:
        super().__init__(scope, "Notifications")
        settings = storage.deployment.settings
        self.dead_letters = DeadLetters(self, storage, "alerts")
        webhook = f"evergreen/{settings.stage}/alerts/webhook"
        self.notify = PythonFunction(
            self,
            "Notify",
            storage,
            folder="notify",
            layer="lake",
            capacity=Capacity(seconds=_SECONDS),
            environment={
                "EVERGREEN_ALERT_TOPIC": topic.topic_arn,
                # The name of a parameter. The address itself is a secret, so it is in no template
                # and in no environment.
                "EVERGREEN_ALERT_WEBHOOK_PARAMETER": f"/{webhook}",
            },
        )
        self._grant(storage, topic, webhook)
        lambda_.EventInvokeConfig(
            self,
            "Retry",
            function=self.notify.function,
            retry_attempts=2,
            max_event_age=Duration.hours(6),
            on_failure=destinations.SqsDestination(self.dead_letters),
        )
        self._call(storage, topic)

    def _grant(self, storage: StorageStack, topic: sns.Topic, webhook: str) -> None:
        role = self.notify.role
        access.grant_read(role, storage, "alerts/")
        access.grant_write(role, storage, "alerts/")
        # The topic uses the bucket's key, and the lines above grant its use.
        role.add_to_policy(
            iam.PolicyStatement(actions=["sns:Publish"], resources=[topic.topic_arn])
        )
        parameter = Stack.of(self).format_arn(
            service="ssm", resource="parameter", resource_name=webhook
        )
        role.add_to_policy(iam.PolicyStatement(actions=["ssm:GetParameter"], resources=[parameter]))

    def _call(self, storage: StorageStack, topic: sns.Topic) -> None:
        events.Rule(
            self,
            "Alert",
            description="Tells people what happened to a model",
            event_bus=storage.bus,
            event_pattern=events.EventPattern(source=[SOURCE], detail_type=[*ALERTED]),
            targets=[
                targets.LambdaFunction(
                    self.notify.function,
                    dead_letter_queue=self.dead_letters.of_rules,
                    retry_attempts=2,
                    max_event_age=Duration.hours(6),
                )
            ],
        )
        # The topic sends alarms by e-mail directly, so they arrive even if this function fails.
        # What the function publishes to the topic is not JSON, so it is not sent back to it.
        topic.add_subscription(
            subscriptions.LambdaSubscription(
                self.notify.function,
                dead_letter_queue=self.dead_letters,
                filter_policy_with_message_body={
                    "AlarmName": sns.FilterOrPolicy.filter(sns.SubscriptionFilter.exists_filter())
                },
            )
        )
