"""The network stack on AWS: a private network, an internal load balancer and a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Stack, Validations
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as route53_targets
from aws_cdk import aws_s3 as s3

if TYPE_CHECKING:
    from constructs import Construct

    from cdk.settings import Settings

_ADDRESSES = "10.83.0.0/22"
_ENDPOINTS = {
    "Ecr": ec2.InterfaceVpcEndpointAwsService.ECR,
    "EcrDocker": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "Logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "Secrets": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "Parameters": ec2.InterfaceVpcEndpointAwsService.SSM,
    "Sessions": ec2.InterfaceVpcEndpointAwsService.SSM_MESSAGES,
    "Events": ec2.InterfaceVpcEndpointAwsService.EVENTBRIDGE,
    "Metrics": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
}
"""The AWS services, without S3, that tasks and retraining functions call."""


class NetworkStack(Stack):
    """The network of MLflow and Grafana; serving, drift checks and the lake are outside it.

    S3 is always reached through its gateway endpoint, which costs nothing and carries nearly all
    bytes. The few calls to other services go through one NAT gateway. With
    ``vpc_egress = "endpoints"`` they go through interface endpoints and never to the internet.
    ``docs/services.md`` has the prices of both.
    """

    def __init__(self, scope: Construct, settings: Settings, **stack: object) -> None:
        super().__init__(scope, f"Evergreen-{settings.stage}-Network", **stack)  # type: ignore[arg-type]
        self.settings = settings
        self.vpc = self._given_vpc(settings) if settings.vpc_id else self._vpc(settings)
        self.subnets = ec2.SubnetSelection(subnets=self._inner_subnets())
        self.balancer_group = self._group("Balancer", "The load balancer")
        self.tasks_group = self._group("Tasks", "MLflow and Grafana")
        self.callers_group = self._group("Callers", "Functions that use MLflow")
        if settings.vpc_egress == "endpoints" and not settings.vpc_id:
            self._interface_endpoints()
        self.access_log = self._access_log()
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=settings.name(),
            vpc=self.vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
            # Sessions only forward ports, so there is nothing to log and no permission to log.
            execute_command_configuration=ecs.ExecuteCommandConfiguration(
                logging=ecs.ExecuteCommandLogging.NONE
            ),
        )
        self.balancer = self._balancer()
        self.certificates = [
            acm.Certificate.from_certificate_arn(self, "Certificate", arn)
            for arn in [settings.services_certificate_arn]
            if arn
        ]
        self.host = self._host()
        # Stacks that were deployed before there was a domain import this name. Without the export
        # CloudFormation would refuse to add the domain, because it updates this stack first.
        self.export_value(self.balancer.load_balancer_dns_name)

    def url(self, port: int) -> str:
        """Return the URL of the load balancer on ``port``."""
        protocol, usual = ("https", 443) if self.certificates else ("http", 80)
        return f"{protocol}://{self.host}" + ("" if port == usual else f":{port}")

    def _vpc(self, settings: Settings) -> ec2.Vpc:
        nat = settings.vpc_egress == "nat"
        inner = ec2.SubnetType.PRIVATE_WITH_EGRESS if nat else ec2.SubnetType.PRIVATE_ISOLATED
        kinds = {"Inner": inner} | ({"Outer": ec2.SubnetType.PUBLIC} if nat else {})
        vpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name=settings.name(),
            ip_addresses=ec2.IpAddresses.cidr(_ADDRESSES),
            max_azs=2,  # a load balancer and a database's subnet group need two
            nat_gateways=1 if nat else 0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name=name, subnet_type=kind, cidr_mask=25)
                for name, kind in kinds.items()
            ],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)
            },
        )
        log = logs.LogGroup(
            self,
            "FlowLog",
            log_group_name=f"/evergreen/{settings.stage}/refused-connections",
            retention=settings.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        vpc.add_flow_log(
            "Refused",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(log),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )
        return vpc

    def _given_vpc(self, settings: Settings) -> ec2.IVpc:
        subnets = settings.vpc_subnet_ids
        return ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=settings.vpc_id or "",
            # Only the number of zones matters here, not which zones they are.
            availability_zones=[f"{settings.region}{'abcdef'[n]}" for n in range(len(subnets))],
            private_subnet_ids=list(subnets),
        )

    def _inner_subnets(self) -> list[ec2.ISubnet]:
        return self.vpc.private_subnets or self.vpc.isolated_subnets

    def _group(self, name: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, f"{name}Group", vpc=self.vpc, description=f"{description} of Evergreen"
        )

    def _interface_endpoints(self) -> None:
        # In one zone only: each costs by the hour and zone, and their callers can wait.
        one = ec2.SubnetSelection(subnets=self._inner_subnets()[:1])
        group = self._group("Endpoints", "The interface endpoints")
        for caller in (self.tasks_group, self.callers_group):
            group.add_ingress_rule(caller, ec2.Port.HTTPS)
        for name, service in _ENDPOINTS.items():
            self.vpc.add_interface_endpoint(
                name, service=service, subnets=one, security_groups=[group], open=False
            )

    def _access_log(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "AccessLog",
            # Log delivery cannot use a customer's key, here and for the flow log.
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[s3.LifecycleRule(id="Expire", expiration=Duration.days(90))],
            removal_policy=RemovalPolicy.RETAIN,
        )
        where_logs_end = "It is where accesses to other buckets are logged, in another stack."
        Validations.of(bucket).acknowledge(
            Acknowledgment(id="AwsSolutions::AwsSolutions-S1", reason=where_logs_end)
        )
        return bucket

    def _balancer(self) -> elbv2.ApplicationLoadBalancer:
        balancer = elbv2.ApplicationLoadBalancer(
            self,
            "LoadBalancer",
            vpc=self.vpc,
            vpc_subnets=self.subnets,
            internet_facing=False,
            security_group=self.balancer_group,
            drop_invalid_header_fields=True,
            deletion_protection=self.settings.production,
        )
        balancer.log_access_logs(self.access_log, prefix="load-balancer")
        return balancer

    def _host(self) -> str:
        """Return the host of the services: the certificate's domain or the load balancer's name."""
        domain = self.settings.services_domain
        if domain is None:
            return self.balancer.load_balancer_dns_name
        zone = route53.PrivateHostedZone(self, "Zone", zone_name=domain, vpc=self.vpc)
        target = route53.RecordTarget.from_alias(route53_targets.LoadBalancerTarget(self.balancer))
        route53.ARecord(self, "Name", zone=zone, target=target)
        return domain
