"""What wakes somebody up: alarms to the alert topic; on the emulator also the EMF bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_logs_destinations as destinations
from evergreen.metrics import MODEL_DIMENSION, NAMESPACE, Metric

from cdk.constructs.functions import EvergreenFunction, PythonFunction
from cdk.constructs.model_endpoint import camel_case

if TYPE_CHECKING:
    from constructs import Construct

    from cdk.drift_stack import DriftStack
    from cdk.retraining_stack import RetrainingStack
    from cdk.serving_stack import ServingStack
    from cdk.storage_stack import StorageStack

_PERIOD = Duration.minutes(5)


class MonitoringStack(Stack):
    """A few alarms that mean something is wrong; nothing depends on this stack."""

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
        self._action = actions.SnsAction(drift.alerts)
        self._alarm("ApiErrors", serving.rest_api.api.metric_server_error(period=_PERIOD))
        self._alarm("RetrainingFailed", retraining.state_machine.metric_failed(period=_PERIOD))
        self._alarm("RetrainingTimedOut", retraining.state_machine.metric_timed_out(period=_PERIOD))
        self._alarm("DriftCheckErrors", drift.check_drift.function.metric_errors(period=_PERIOD))
        for model in storage.deployment.models:
            self._alarm(f"LogSpills{camel_case(model)}", _log_spills(model))
        for watched in (serving, drift, retraining):
            self.add_dependency(watched)
        if settings.emulator:
            self._bridge(
                storage,
                [*serving.functions, drift.check_drift, *retraining.functions.values()],
            )

    def _alarm(self, name: str, metric: cloudwatch.Metric) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric.with_(statistic=cloudwatch.Stats.SUM),
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._action)

    def _bridge(self, storage: StorageStack, functions: list[EvergreenFunction]) -> None:
        """Turn metrics written as log lines into metrics, which the emulator does not do."""
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
                # By name: an export would tie that stack's log groups to this stack.
                log_group=logs.LogGroup.from_log_group_name(
                    self, f"Log{name}", function.log_group_name
                ),
                destination=destination,
                filter_pattern=logs.FilterPattern.exists("$._aws"),
            )
        CfnOutput(self, "EmfBridgeFunctionName", value=bridge.function_name)


def _log_spills(model: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=Metric.LOG_SPILLS,
        dimensions_map={MODEL_DIMENSION: model},
        period=_PERIOD,
    )
