"""The monitoring stack: alarms, a dashboard, and on an emulator the EMF bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_logs_destinations as destinations

from cdk.constructs.building.functions import EvergreenFunction, PythonFunction
from cdk.constructs.monitoring.alarm_table import Watched
from cdk.constructs.monitoring.alarms import Alarms
from cdk.constructs.monitoring.metric_dashboard import MetricDashboard
from evergreen.metrics.catalog import NAMESPACE

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
        MetricDashboard(self, storage.deployment.models, settings)
        for stack_before in (serving, drift, retraining):
            self.add_dependency(stack_before)
        if settings.emulator:
            self._bridge(
                storage,
                [*serving.functions, drift.check_drift, *retraining.functions.values()],
            )

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

    def _bridge(self, storage: StorageStack, functions: list[EvergreenFunction]) -> None:
        """Add the EMF bridge: it turns log lines into metrics, which an emulator does not do."""
        bridge = PythonFunction(self, "EmfBridge", storage, folder="emf_bridge", layer="lake")
        bridge.role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
            )
        )
        destination = destinations.LambdaDestination(bridge.function)
        for function in functions:
            name = function.node.path.replace("/", "")
            logs.SubscriptionFilter(
                self,
                f"Bridge{name}",
                # By name: an export would make the log groups of that stack depend on this stack.
                log_group=logs.LogGroup.from_log_group_name(
                    self, f"Log{name}", function.log_group_name
                ),
                destination=destination,
                filter_pattern=logs.FilterPattern.exists("$._aws"),
            )
        CfnOutput(self, "EmfBridgeFunctionName", value=bridge.function_name)
