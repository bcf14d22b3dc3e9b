"""How new code of a model's function takes over: some requests first, and back on an alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk.naming import camel_case
from evergreen.metrics.catalog import Metric

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

    from cdk.settings import Settings

WATCHED = (Metric.SERVER_ERRORS, Metric.MODEL_LOAD_FAILURES)
"""The alarms of a model that take new code back; every deployment has them."""
_CONFIGURATIONS = {
    "canary": codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_5_MINUTES,
    "linear": codedeploy.LambdaDeploymentConfig.LINEAR_10_PERCENT_EVERY_1_MINUTE,
}


class Rollout(Construct):
    """A CodeDeploy application, in which each model's function has a deployment group."""

    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(scope, "Rollout")
        self._settings = settings
        self._configuration = _CONFIGURATIONS[settings.code_rollout]
        self.application = codedeploy.LambdaApplication(
            self, "Application", application_name=settings.name()
        )
        # Less than AWS's managed policy, which may also invoke functions and read buckets.
        self._role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("codedeploy.amazonaws.com")
        )
        self._role.add_to_policy(
            iam.PolicyStatement(actions=["cloudwatch:DescribeAlarms"], resources=["*"])
        )

    def follow(self, scope: Construct, model: str, alias: lambda_.Alias) -> None:
        """Let an alias move to a new version in steps.

        The alarms are named and not referred to: their stack comes after this one.
        """
        stack = Stack.of(scope)
        function = stack.format_arn(
            service="lambda",
            resource="function",
            resource_name=self._settings.name("predict", model),
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        self._role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "lambda:GetAlias",
                    "lambda:GetProvisionedConcurrencyConfig",
                    "lambda:UpdateAlias",
                ],
                resources=[function, f"{function}:{alias.alias_name}"],
            )
        )
        alarms = [
            cloudwatch.Alarm.from_alarm_arn(
                scope,
                f"Watched{metric}",
                stack.format_arn(
                    service="cloudwatch",
                    resource="alarm",
                    resource_name=self._settings.name(camel_case(model) + metric),
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                ),
            )
            for metric in WATCHED
        ]
        codedeploy.LambdaDeploymentGroup(
            scope,
            "RolloutGroup",
            application=self.application,
            deployment_group_name=self._settings.name(model),
            alias=alias,
            deployment_config=self._configuration,
            role=self._role.without_policy_updates(),
            alarms=alarms,
            # At the first deployment the alarms are not there yet.
            ignore_poll_alarms_failure=True,
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True, stopped_deployment=True, deployment_in_alarm=True
            ),
        )
