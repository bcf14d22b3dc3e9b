"""A web service on Fargate behind the internal load balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_logs as logs
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdk.network_stack import NetworkStack

_CPUS = {"x86_64": ecs.CpuArchitecture.X86_64, "arm64": ecs.CpuArchitecture.ARM64}
_PLATFORMS = {
    "x86_64": ecr_assets.Platform.LINUX_AMD64,
    "arm64": ecr_assets.Platform.LINUX_ARM64,
}


@dataclass(frozen=True, slots=True)
class Size:
    """The size of one task."""

    cpu: int
    """CPU units; 1024 are one processor."""
    memory: int
    """Memory in MiB."""
    tasks: int = 1


@dataclass(frozen=True, slots=True)
class Web:
    """The ports, health check and user of a service.

    Parameters
    ----------
    port
        Port of its container.
    public_port
        Port of the load balancer for it.
    health
        Path that answers without sign-in while the service is healthy.
    user
        Numeric id of the user it runs as.
    start_seconds
        The longest time until it is healthy.
    """

    port: int
    public_port: int
    health: str
    user: int
    start_seconds: int = 120


class WebService(Construct):
    """A web service: one image, one task definition with its own role, one listener.

    Parameters
    ----------
    folder
        The image's build context.
    dockerfile
        Its Dockerfile, below ``folder``.
    environment
        Environment variables without secrets.
    secrets
        Environment variables that are read from Secrets Manager when a task starts.
    exclude
        Files below ``folder`` that are not part of the image.
    """

    def __init__(  # noqa: PLR0913 - a task definition has that many parts
        self,
        scope: Construct,
        network: NetworkStack,
        *,
        name: str,
        folder: str,
        dockerfile: str,
        web: Web,
        size: Size,
        environment: Mapping[str, str],
        secrets: Mapping[str, ecs.Secret],
        exclude: tuple[str, ...] = (),
    ) -> None:
        super().__init__(scope, "Service")
        settings = network.settings
        self.url = network.url(web.public_port)
        self.log_group = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/evergreen/{settings.stage}/{name}",
            retention=settings.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.task = ecs.FargateTaskDefinition(
            self,
            "Task",
            family=settings.name(name),
            cpu=size.cpu,
            memory_limit_mib=size.memory,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=_CPUS[settings.architecture],
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
        )
        self.task.add_container(
            name,
            image=ecs.ContainerImage.from_asset(
                folder,
                file=dockerfile,
                platform=_PLATFORMS[settings.architecture],
                build_args=settings.image_arguments,
                exclude=list(exclude),
            ),
            user=str(web.user),
            environment={**environment},
            secrets={**secrets},
            logging=ecs.LogDriver.aws_logs(stream_prefix=name, log_group=self.log_group),
            port_mappings=[ecs.PortMapping(container_port=web.port)],
            # No health check here. The load balancer's check replaces a task that does not answer.
            # The image has its own check for other places.
        )
        self.service = ecs.FargateService(
            self,
            "Tasks",
            cluster=network.cluster,
            service_name=settings.name(name),
            task_definition=self.task,
            desired_count=size.tasks,
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            enable_execute_command=True,  # lets users without a VPN reach its port
            health_check_grace_period=Duration.seconds(web.start_seconds),
            security_groups=[network.tasks_group],
            vpc_subnets=network.subnets,
        )
        self._listen(network, web)

    def _listen(self, network: NetworkStack, web: Web) -> None:
        targets = elbv2.ApplicationTargetGroup(
            self,
            "Targets",
            vpc=network.vpc,
            port=web.port,
            protocol=elbv2.ApplicationProtocol.HTTP,
            target_type=elbv2.TargetType.IP,
            health_check=elbv2.HealthCheck(path=web.health, interval=Duration.seconds(15)),
            deregistration_delay=Duration.seconds(15),
            targets=[self.service],
        )
        secure = bool(network.certificates)
        elbv2.ApplicationListener(
            self,
            "Listener",
            load_balancer=network.balancer,
            port=web.public_port,
            protocol=elbv2.ApplicationProtocol.HTTPS if secure else elbv2.ApplicationProtocol.HTTP,
            certificates=network.certificates or None,
            ssl_policy=elbv2.SslPolicy.TLS13_RES if secure else None,
            default_target_groups=[targets],
            open=False,
        )
        for cidr in network.settings.services_allowed_cidrs:
            ec2.CfnSecurityGroupIngress(
                self,
                f"Allow{cidr.replace('/', '-')}",
                group_id=network.balancer_group.security_group_id,
                ip_protocol="tcp",
                from_port=web.public_port,
                to_port=web.public_port,
                cidr_ip=cidr,
                description="People",
            )
