"""Grafana on AWS: our own service with the dashboards, or a role for an existing one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager

from cdk.constructs.building.assets import ROOT
from cdk.constructs.web_service import Size, Web, WebService

if TYPE_CHECKING:
    from constructs import Construct

    from cdk.network_stack import NetworkStack
    from cdk.settings import Settings

_PORT = 3000
_USER = 472  # the image's own
_DOCKERFILE = "Dockerfile"
READS = (
    "cloudwatch:DescribeAlarmHistory",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:DescribeAlarmsForMetric",
    "cloudwatch:GetMetricData",
    "cloudwatch:ListMetrics",
)
"""The actions of Grafana's CloudWatch data source; IAM cannot limit them to resources."""


class GrafanaStack(Stack):
    """Grafana behind the internal load balancer; it reads CloudWatch with its task's role.

    It stores nothing. Data sources, dashboards and alert rules are in the image. Changes made in
    the browser are lost when the task ends.
    """

    def __init__(self, scope: Construct, network: NetworkStack, **stack: object) -> None:
        settings = network.settings
        super().__init__(scope, _name(settings), **stack)  # type: ignore[arg-type]
        key = kms.Key(
            self,
            "Key",
            description="Evergreen: Grafana's password",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        admin = secretsmanager.Secret(
            self,
            "Admin",
            description="Evergreen: Grafana's first user, admin",
            encryption_key=key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=40, exclude_punctuation=True
            ),
        )
        web = WebService(
            self,
            network,
            name="grafana",
            folder=str(ROOT / "dashboards"),
            dockerfile=_DOCKERFILE,
            # No Prometheus runs on AWS, and CloudWatch's alarms send the alerts there.
            exclude=(
                "provisioning/alerting",
                "provisioning/datasources/prometheus.yaml",
                "provisioning/dashboards/prometheus/*.json",
            ),
            web=Web(port=_PORT, public_port=_PORT, health="/api/health", user=_USER),
            size=Size(cpu=256, memory=1024),
            environment={
                "AWS_REGION": settings.region,
                "EVERGREEN_CLOUDWATCH_ENDPOINT": "",
                "EVERGREEN_PROMETHEUS_URL": "",
                "GF_SERVER_ROOT_URL": network.url(_PORT),
            },
            secrets={"GF_SECURITY_ADMIN_PASSWORD": ecs.Secret.from_secrets_manager(admin)},
        )
        web.task.task_role.add_to_principal_policy(_reading())
        CfnOutput(self, "GrafanaUrl", value=web.url)
        CfnOutput(self, "GrafanaAdminSecret", value=admin.secret_arn)
        CfnOutput(self, "GrafanaServiceName", value=web.service.service_name)


class GrafanaAccessStack(Stack):
    """A role with which an existing Grafana may read our metrics, and nothing else."""

    def __init__(self, scope: Construct, settings: Settings, **stack: object) -> None:
        super().__init__(scope, _name(settings), **stack)  # type: ignore[arg-type]
        role = iam.Role(
            self,
            "Reader",
            role_name=settings.name("grafana"),
            description="Reads CloudWatch for a Grafana workspace",
            assumed_by=iam.ArnPrincipal(settings.grafana_role_arn or ""),
        )
        role.add_to_policy(_reading())
        CfnOutput(self, "GrafanaReaderRoleArn", value=role.role_arn)


def _reading() -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=[*READS], resources=["*"])


def _name(settings: Settings) -> str:
    return f"Evergreen-{settings.stage}-Grafana"
