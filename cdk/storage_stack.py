"""The storage stack: data bucket, encryption key, lifecycle rules, catalogue and event bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secrets

from evergreen.lake.query_places import QUERIES

if TYPE_CHECKING:
    from constructs import Construct

    from cdk.deployment import AppDeployment

_KEPT_NONCURRENT = Duration.days(30)
_KEPT_QUERIES = Duration.days(1)
_KEPT_MARKS = Duration.days(90)
_SECRET_LENGTH = 43  # of 62 characters: 256 bits


class StorageStack(Stack):
    """The data bucket with its key, the bucket of its access log, the catalogue, the event bus."""

    def __init__(self, scope: Construct, deployment: AppDeployment, **stack: object) -> None:
        settings = deployment.settings
        super().__init__(scope, f"Evergreen-{settings.stage}-Storage", **stack)  # type: ignore[arg-type]
        self.deployment = deployment
        self._removal = RemovalPolicy.DESTROY if settings.emulator else RemovalPolicy.RETAIN
        self.key = self._key()
        self.bucket = self._bucket(self._access_log())
        # Other stacks import it by the name of its export. cdk-nag's findings quote that name, so
        # each of them can be acknowledged.
        self.bucket_arn = self.export_value(self.bucket.bucket_arn)
        if settings.lake_catalog == "glue":
            self._catalog()
        self.log_secret = self._log_secret() if settings.hashes_callers else None
        self.bus = events.EventBus(self, "Bus", event_bus_name=settings.name())
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name)
        CfnOutput(self, "EventBusName", value=self.bus.event_bus_name)
        CfnOutput(self, "KeyArn", value=self.key.key_arn)

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            description="Evergreen: data bucket and alerts",
            enable_key_rotation=True,
            removal_policy=self._removal,
        )
        # CloudWatch puts alarms on an encrypted topic.
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        return key

    def _log_secret(self) -> secrets.Secret:
        """Add the secret with which addresses in the request log are hashed."""
        return secrets.Secret(
            self,
            "LogSecret",
            secret_name=self.deployment.settings.name("log"),
            description="Evergreen: hashes addresses and user agents in the request log",
            generate_secret_string=secrets.SecretStringGenerator(
                exclude_punctuation=True, password_length=_SECRET_LENGTH
            ),
        )

    def _catalog(self) -> None:
        """Add the Glue database. The compaction adds the tables, whose columns it knows."""
        database = glue.CfnDatabase(
            self,
            "Lake",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=self.deployment.settings.lake_database,
                description="Evergreen: request log and ground truth of each model",
            ),
        )
        # Unlike the bucket it goes with the stack: a new deployment makes a new bucket, and a
        # database of this name that points to the old one would be in its way. The old tables can
        # be registered again from their files.
        database.apply_removal_policy(RemovalPolicy.DESTROY)

    def _access_log(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "AccessLog",
            # The log delivery service cannot use a customer's key.
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[s3.LifecycleRule(id="Expire", expiration=Duration.days(90))],
            removal_policy=self._removal,
        )

    def _bucket(self, access_log: s3.Bucket) -> s3.Bucket:
        # No rule for raw objects: only compaction removes them, when the table holds their rows.
        # The rule is for the marks of sent alerts, which prevent a second one. No repeat comes
        # after this time.
        marks = s3.LifecycleRule(id="AlertMarks", prefix="alerts/", expiration=_KEPT_MARKS)
        everything = s3.LifecycleRule(
            id="Replaced",
            noncurrent_version_expiration=_KEPT_NONCURRENT,
            abort_incomplete_multipart_upload_after=Duration.days(7),
            expired_object_delete_marker=True,
        )
        settings = self.deployment.settings
        return s3.Bucket(
            self,
            "Data",
            # On a laptop a new deployment finds the bucket of the one before by its name.
            bucket_name=settings.name("data") if settings.emulator else None,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=True,
            server_access_logs_bucket=access_log,
            server_access_logs_prefix="data/",
            lifecycle_rules=[marks, *self._query_rules(), everything],
            # Also on a laptop: an emulator would delete the first thousand objects of a bucket that
            # it cannot delete.
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _query_rules(self) -> list[s3.LifecycleRule]:
        """Return the rule for what a query needs and writes, if queries read the log.

        The state machine removes it; the rule is for what an interrupted one leaves.
        """
        if self.deployment.settings.engine != "athena":
            return []
        return [
            s3.LifecycleRule(
                id="Queries",
                prefix=QUERIES,
                expiration=_KEPT_QUERIES,
                noncurrent_version_expiration=_KEPT_QUERIES,
            )
        ]
