"""The monitoring stack: alarms and a dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_lambda as lambda_

from cdk.constructs.monitoring.alarm_table import Watched
from cdk.constructs.monitoring.alarms import Alarms
from cdk.constructs.monitoring.metric_dashboard import MetricDashboard

if TYPE_CHECKING:
    from constructs import Construct

    from cdk.drift_stack import DriftStack
    from cdk.retraining_stack import RetrainingStack
    from cdk.serving_stack import ServingStack
    from cdk.storage_stack import StorageStack


class MonitoringStack(Stack):
    """The alarms and the CloudWatch dashboard; no other stack depends on this one."""

    def __init__(
        self,
        scope: Construct,
        storage: StorageStack,
        serving: ServingStack,
        drift: DriftStack,
        retraining: RetrainingStack,
        **stack: object,
    ) -> None:
        settings = storage.deployment.settings
        super().__init__(scope, f"Evergreen-{settings.stage}-Monitoring", **stack)  # type: ignore[arg-type]
        queried = drift.queried_check
        watched = Watched(
            models=storage.deployment.models,
            predict={each.model: each.predict.function_name for each in serving.endpoints},
            functions={
                "check_drift": drift.check_drift.function_name,
                "compact_logs": serving.compact_logs.function_name,
            },
            rest_api=settings.name(),
            state_machine=retraining.state_machine.state_machine_arn,
            dead_letters={
                "Serving": serving.dead_letters.name,
                "Drift": drift.dead_letters.name,
                "Alerts": drift.notifications.dead_letters.name,
                "Retraining": retraining.dead_letters.name,
            },
            check_machine=queried.state_machine.state_machine_arn if queried else None,
        )
        Alarms(self, watched, settings, drift.alerts, self._roll_back(retraining))
        if settings.everything_watched:
            MetricDashboard(self, storage.deployment.models, settings)
        for stack_before in (serving, drift, retraining):
            self.add_dependency(stack_before)

    def _roll_back(self, retraining: RetrainingStack) -> lambda_.IFunction:
        """Return the rollback function, which the alarms call.

        It is imported by name. Otherwise the permissions, which name the alarms, would make the
        function's stack depend on this one.
        """
        name = retraining.functions["roll_back"].function_name
        arn = self.format_arn(
            service="lambda",
            resource="function",
            resource_name=name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        # One permission for all alarms, because a function's policy has at most 20 KB.
        lambda_.CfnPermission(
            self,
            "AlarmsMayRollBack",
            action="lambda:InvokeFunction",
            function_name=name,
            principal="lambda.alarms.cloudwatch.amazonaws.com",
            source_account=self.account,
            source_arn=self.format_arn(
                service="cloudwatch",
                resource="alarm",
                resource_name=f"{retraining.settings.name()}-*",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            ),
        )
        return lambda_.Function.from_function_attributes(
            self, "RollBack", function_arn=arn, skip_permissions=True
        )
