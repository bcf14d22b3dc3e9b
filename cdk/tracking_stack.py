"""The MLflow server on AWS: Fargate, PostgreSQL on RDS, artifacts in S3, sign-in."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager

from cdk.constructs.building.assets import BUILD, ROOT, build_once, fingerprint
from cdk.constructs.building.functions import Placement
from cdk.constructs.web_service import Size, Web, WebService

if TYPE_CHECKING:
    from pathlib import Path

    from constructs import Construct

    from cdk.network_stack import NetworkStack

ADMIN = "admin"
_DATABASE = "mlflow"
_PREFIX = "artifacts"
_PORT = 5000
_FILES = ("layers/mlflow/Dockerfile", "layers/mlflow/start", "layers/mlflow/basic_auth.ini")
_LOCK = "requirements/mlflow-server.lock"


@dataclass(frozen=True, slots=True)
class _Plan:
    """The size of the server and its database."""

    server: Size
    workers: int
    instance: str
    storage: int
    """Disk in GiB at first; it grows automatically up to ten times that."""


_PLANS = {
    "small": _Plan(Size(cpu=512, memory=2048), 1, "t4g.micro", 20),
    "large": _Plan(Size(cpu=2048, memory=8192, tasks=2), 4, "m7g.large", 100),
}


class TrackingStack(Stack):
    """The MLflow server and the resources that only it uses; serving does not need them."""

    def __init__(self, scope: Construct, network: NetworkStack, **stack: object) -> None:
        settings = network.settings
        super().__init__(scope, f"Evergreen-{settings.stage}-Tracking", **stack)  # type: ignore[arg-type]
        self._network = network
        self._plan = _PLANS[settings.tracking_size]
        self._key = kms.Key(
            self,
            "Key",
            description="Evergreen: runs, artifacts and passwords of MLflow",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self.admin = self._secret("Admin", "MLflow's first user", user=ADMIN)
        self.database = self._database()
        self.artifacts = self._artifacts()
        self.web = self._server()
        self.url = self.web.url
        CfnOutput(self, "MlflowUrl", value=self.url)
        CfnOutput(self, "MlflowAdminSecret", value=self.admin.secret_arn)
        CfnOutput(self, "ClusterName", value=network.cluster.cluster_name)
        CfnOutput(self, "MlflowServiceName", value=self.web.service.service_name)

    @property
    def placement(self) -> Placement:
        """The place in the VPC from which a function reaches the server."""
        network = self._network
        return Placement(network.vpc, network.subnets, network.callers_group)

    def client_environment(self) -> dict[str, str]:
        """Return the environment variables of a function that uses the server."""
        return {
            "MLFLOW_TRACKING_URI": self.url,
            "MLFLOW_CREDENTIALS_SECRET": self.admin.secret_arn,
        }

    def let_in(self, role: iam.Role) -> None:
        """Let the role of a user of the server read its credentials."""
        # Not grant_read: it would name the role in the key's policy, and the role belongs to a
        # stack that depends on this one.
        for action, arn in (
            ("secretsmanager:GetSecretValue", self.admin.secret_arn),
            ("kms:Decrypt", self._key.key_arn),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[arn]))

    def _secret(self, name: str, what: str, *, user: str | None = None) -> secretsmanager.Secret:
        in_json = {
            "secret_string_template": json.dumps({"username": user}),
            "generate_string_key": "password",
        }
        return secretsmanager.Secret(
            self,
            name,
            description=f"Evergreen: {what}",
            encryption_key=self._key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=40,
                exclude_punctuation=True,
                **(in_json if user else {}),  # type: ignore[arg-type]
            ),
        )

    def _database(self) -> rds.DatabaseInstance:
        settings, network = self._network.settings, self._network
        database = rds.DatabaseInstance(
            self,
            "Database",
            # A minor version, because RDS ends the support of each: it took no new instance of
            # 17.1 to 17.4 from May 2026 on.
            engine=rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_17_7),
            instance_type=ec2.InstanceType(self._plan.instance),
            vpc=network.vpc,
            vpc_subnets=network.subnets,
            publicly_accessible=False,
            database_name=_DATABASE,
            credentials=rds.Credentials.from_generated_secret(
                _DATABASE, encryption_key=self._key, exclude_characters=" '\"@/\\"
            ),
            parameters={"rds.force_ssl": "1"},
            storage_encrypted=True,
            storage_encryption_key=self._key,
            storage_type=rds.StorageType.GP3,
            allocated_storage=self._plan.storage,
            max_allocated_storage=self._plan.storage * 10,
            multi_az=settings.production,
            backup_retention=Duration.days(30 if settings.production else 7),
            deletion_protection=settings.production,
            auto_minor_version_upgrade=True,
            copy_tags_to_snapshot=True,
            removal_policy=RemovalPolicy.SNAPSHOT,
        )
        database.connections.allow_default_port_from(network.tasks_group, "MLflow")
        return database

    def _artifacts(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "Artifacts",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=True,
            server_access_logs_bucket=self._network.access_log,
            server_access_logs_prefix="artifacts/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="Replaced",
                    noncurrent_version_expiration=Duration.days(30),
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                    expired_object_delete_marker=True,
                )
            ],
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _server(self) -> WebService:
        network, database = self._network, self.database
        secret, credentials = ecs.Secret.from_secrets_manager, database.secret
        assert credentials is not None
        web = WebService(
            self,
            network,
            name="mlflow",
            folder=str(build_context()),
            dockerfile=_FILES[0],
            web=Web(
                port=_PORT,
                public_port=443 if network.certificates else 80,
                health="/health",
                user=10001,
                start_seconds=300,  # the first start fills an empty database
            ),
            size=self._plan.server,
            environment={
                "ARTIFACTS": f"s3://{self.artifacts.bucket_name}/{_PREFIX}",
                "PORT": str(_PORT),
                "WORKERS": str(self._plan.workers),
                "PGHOST": database.db_instance_endpoint_address,
                "PGPORT": database.db_instance_endpoint_port,
                "PGDATABASE": _DATABASE,
                "PGSSLMODE": "require",
                "AWS_DEFAULT_REGION": network.settings.region,
                # The load balancer's health checks use the IP address and are allowed without this.
                "MLFLOW_SERVER_ALLOWED_HOSTS": f"{network.host},localhost:*,127.0.0.1:*",
            },
            secrets={
                "PGUSER": secret(credentials, "username"),
                "PGPASSWORD": secret(credentials, "password"),
                "MLFLOW_AUTH_ADMIN_PASSWORD": secret(self.admin, "password"),
                "MLFLOW_FLASK_SERVER_SECRET_KEY": secret(
                    self._secret("Forms", "signs MLflow's forms")
                ),
            },
        )
        self._grant_artifacts(web.task.task_role)
        group, port = network.balancer_group, ec2.Port.tcp(443 if network.certificates else 80)
        group.add_ingress_rule(network.callers_group, port, "Functions that use MLflow")
        return web

    def _grant_artifacts(self, role: iam.IRole) -> None:
        bucket = self.artifacts
        statements = [
            (
                [
                    *("s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
                    "s3:AbortMultipartUpload",
                ],
                f"{bucket.bucket_arn}/{_PREFIX}/*",
                None,
            ),
            (
                ["s3:ListBucket"],
                bucket.bucket_arn,
                {"StringLike": {"s3:prefix": [_PREFIX, f"{_PREFIX}/*"]}},
            ),
            (["kms:Decrypt", "kms:GenerateDataKey"], self._key.key_arn, None),
        ]
        for actions, resource, conditions in statements:
            role.add_to_principal_policy(
                iam.PolicyStatement(actions=actions, resources=[resource], conditions=conditions)
            )


def build_context() -> Path:
    """Return a build context that holds only the files of the MLflow image.

    The files have the same paths as in the repository, so one Dockerfile serves both. A change of
    another file makes no new image.
    """
    files = [ROOT / name for name in (*_FILES, _LOCK)]

    def fill(folder: Path) -> None:
        for file in files:
            target = folder / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)

    return build_once(BUILD / "images" / f"mlflow-{fingerprint(files)}", fill)
