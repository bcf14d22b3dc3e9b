"""The drift stack: the schedules, the drift check and the alerts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions

from cdk.capacity import WORKER
from cdk.constructs import access
from cdk.constructs.building.functions import ImageFunction
from cdk.constructs.dead_letters import DeadLetters
from cdk.constructs.lake import read_lake
from cdk.constructs.monitoring.notifications import Notifications
from cdk.constructs.querying.queried_check import QueriedCheck
from cdk.naming import camel_case
from cdk.periods import period_text, schedule_period
from evergreen.lake.query_places import QUERIES

if TYPE_CHECKING:
    from constructs import Construct

    from cdk.query_stack import QueryStack
    from cdk.storage_stack import StorageStack
    from evergreen.model_definition import ModelDefinition


class DriftStack(Stack):
    """One rule for each model and schedule that starts the drift check; alerts on its findings."""

    def __init__(
        self,
        scope: Construct,
        storage: StorageStack,
        queries: QueryStack | None = None,
        **stack: object,
    ) -> None:
        settings = storage.deployment.settings
        super().__init__(scope, f"Evergreen-{settings.stage}-Drift", **stack)  # type: ignore[arg-type]
        self.dead_letters = DeadLetters(self, storage, "drift")
        self.check_drift = self._check_drift(storage)
        self.queried_check: QueriedCheck | None = None
        if queries:
            self.queried_check = QueriedCheck(self, storage, queries.engine, self.check_drift)
            access.grant_read(self.check_drift.role, storage, QUERIES)
            machine = self.queried_check.state_machine
            CfnOutput(self, "DriftStateMachineArn", value=machine.state_machine_arn)
        scheduled = self._let_rules_check()
        for definition in storage.deployment.models.values():
            self._schedule(definition, storage, scheduled)
        self.alerts = self._alerts(storage)
        self.notifications = Notifications(self, storage, self.alerts)
        CfnOutput(self, "DriftFunctionName", value=self.check_drift.function_name)
        CfnOutput(self, "AlertTopicArn", value=self.alerts.topic_arn)
        notifications = self.notifications
        CfnOutput(self, "NotifyFunctionName", value=notifications.notify.function_name)
        CfnOutput(self, "AlertDeadLettersUrl", value=notifications.dead_letters.queue_url)

    def _check_drift(self, storage: StorageStack) -> ImageFunction:
        settings = storage.deployment.settings
        check = ImageFunction(
            self,
            "CheckDrift",
            storage,
            folder="check_drift",
            image="drift",
            # On a slow machine a check must not start before the previous one has ended.
            capacity=replace(WORKER, laptop_at_once=1),
            environment={"EVERGREEN_COOLDOWN": settings.cooldown} if settings.cooldown else {},
        )
        read_lake(check, storage)
        access.grant_read(
            check.role, storage, "datasets/", "drift/", "bundles/*/holdout_predictions.parquet"
        )
        access.read_signatures(check.role, storage)
        access.grant_write(check.role, storage, "drift/")
        access.read_pointers(check.role, storage)
        access.see_retrainings(check.role, storage)
        access.put_events(check.role, storage)
        # A failed check is tried once more. If that fails too, the next scheduled check follows.
        lambda_.EventInvokeConfig(
            self,
            "CheckRetry",
            function=check.function,
            retry_attempts=1,
            max_event_age=Duration.hours(1),
            on_failure=destinations.SqsDestination(self.dead_letters),
        )
        return check

    def _let_rules_check(self) -> lambda_.IFunction:
        """Let every rule of this stack call the check, and return the function for their targets.

        That is one permission and not one for each rule, because the policy of a function has at
        most 20 KB. The rules have names that CloudFormation makes of the stack's name.
        """
        function = self.check_drift.function
        function.add_permission(
            "Rules",
            principal=iam.ServicePrincipal("events.amazonaws.com"),
            source_arn=self.format_arn(
                service="events", resource="rule", resource_name=f"{self.stack_name}-*"
            ),
        )
        return lambda_.Function.from_function_attributes(
            self, "Scheduled", function_arn=function.function_arn, skip_permissions=True
        )

    def _schedule(
        self, definition: ModelDefinition, storage: StorageStack, check: lambda_.IFunction
    ) -> None:
        override = storage.deployment.settings.drift_period
        for number, schedule in enumerate(definition.drift.schedules, start=1):
            period = schedule_period(override or schedule.every)
            events.Rule(
                self,
                f"Check{camel_case(definition.name)}{number}",
                description=f"Looks for drift of {definition.name}",
                schedule=events.Schedule.rate(period),
                targets=[
                    self._target(
                        check,
                        events.RuleTargetInput.from_object(
                            {"model": definition.name, "window": period_text(schedule.window)}
                        ),
                    )
                ],
            )

    def _target(
        self, check: lambda_.IFunction, event: events.RuleTargetInput
    ) -> events.IRuleTarget:
        options: dict[str, Any] = {
            "dead_letter_queue": self.dead_letters.of_rules,
            "retry_attempts": 1,
            "max_event_age": Duration.hours(1),
        }
        if self.queried_check:
            machine = self.queried_check.state_machine
            return targets.SfnStateMachine(machine, input=event, **options)
        return targets.LambdaFunction(check, event=event, **options)

    def _alerts(self, storage: StorageStack) -> sns.Topic:
        settings = storage.deployment.settings
        topic = sns.Topic(
            self,
            "Alerts",
            topic_name=settings.name("alerts"),
            master_key=storage.key,
            enforce_ssl=True,
        )
        if settings.alert_email:
            topic.add_subscription(subscriptions.EmailSubscription(settings.alert_email))
        return topic
