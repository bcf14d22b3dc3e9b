"""Athena: the workgroup, the table of used rows, and the rights that a query needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk.constructs import access
from cdk.constructs.lake import read_lake
from evergreen.lake.query_places import QUERIES, USED_ROWS, used_rows_prefix

if TYPE_CHECKING:
    from cdk.constructs.building.functions import EvergreenFunction
    from cdk.storage_stack import StorageStack

_TABLES = ("request-log/table/", "labels/table/")
_GIGABYTE = 10**9


class QueryEngine(Construct):
    """What the queries of all models share.

    Parameters
    ----------
    scope, storage
        The stack of the engine, and the stack with the data bucket.
    """

    def __init__(self, scope: Construct, storage: StorageStack) -> None:
        super().__init__(scope, "QueryEngine")
        settings = storage.deployment.settings
        self._storage = storage
        self.work_group = settings.name("queries")
        self.log_database = settings.lake_database
        self.query_database = f"evergreen_{settings.stage}_queries"
        self._work_group(settings.athena_scan_limit_gb)
        self._used_rows()

    def environment(self) -> dict[str, str]:
        """Return the environment variables of the function that prepares queries."""
        return {"EVERGREEN_QUERY_DATABASE": self.query_database}

    def let_prepare(self, function: EvergreenFunction) -> None:
        """Let a function write what a query needs, and remove what it has written."""
        role, storage = function.role, self._storage
        access.grant_read(role, storage, "datasets/", QUERIES)
        access.grant_write(role, storage, QUERIES)
        access.grant_delete(role, storage, QUERIES)
        access.read_pointers(role, storage)
        access.read_signatures(role, storage)
        # It looks up which columns the files of the log have.
        read_lake(function, storage)

    def let_query(self, machine: sfn.StateMachine) -> None:
        """Let a state machine run queries. Athena reads and writes with the rights of its role."""
        role, storage = machine.role, self._storage
        assert isinstance(role, iam.Role)
        access.grant_read(role, storage, *_TABLES, QUERIES)
        access.grant_write(role, storage, QUERIES)
        uploads = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        for actions, resource in (
            (uploads, f"{storage.bucket_arn}/{QUERIES}*"),
            (["s3:GetBucketLocation"], storage.bucket_arn),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
        self._let_use_athena(role)
        self._let_read_catalogue(role)

    def _let_use_athena(self, role: iam.Role) -> None:
        stack = Stack.of(self)
        query = ["athena:GetQueryExecution", "athena:StartQueryExecution"]
        group = stack.format_arn(
            service="athena", resource="workgroup", resource_name=self.work_group
        )
        catalogue = stack.format_arn(
            service="athena", resource="datacatalog", resource_name="AwsDataCatalog"
        )
        for actions, resource in (
            ([*query, "athena:StopQueryExecution"], group),
            (["athena:GetDataCatalog"], catalogue),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))

    def _let_read_catalogue(self, role: iam.Role) -> None:
        stack = Stack.of(self)
        names = [
            ("catalog", None),
            *(("database", name) for name in (self.log_database, self.query_database)),
            ("table", f"{self.query_database}/{USED_ROWS}"),
            *(
                ("table", f"{self.log_database}/{model}_{kind}")
                for model in self._storage.deployment.models
                for kind in ("request_log", "labels")
            ),
        ]
        actions = ["glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable"]
        arns = [
            stack.format_arn(
                service="glue",
                resource=kind,
                resource_name=name,
                arn_format=ArnFormat.SLASH_RESOURCE_NAME if name else ArnFormat.NO_RESOURCE_NAME,
            )
            for kind, name in names
        ]
        role.add_to_policy(iam.PolicyStatement(actions=actions, resources=arns))

    def _work_group(self, limit: int) -> None:
        results = athena.CfnWorkGroup.ResultConfigurationProperty(
            output_location=f"s3://{self._storage.bucket.bucket_name}/{QUERIES}results/",
            encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                encryption_option="SSE_KMS", kms_key=self._storage.key.key_arn
            ),
        )
        athena.CfnWorkGroup(
            self,
            "WorkGroup",
            name=self.work_group,
            description="Evergreen: windows of the log and data sets",
            recursive_delete_option=True,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=limit * _GIGABYTE,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=results,
            ),
        )

    def _used_rows(self) -> None:
        """Create the table that tells a query which rows of the log a data set has.

        The catalogue need not know its partitions: a query names one, and its name says where it
        is (docs.aws.amazon.com/athena/latest/ug/partition-projection-dynamic-id-partitioning.html).
        """
        account = Stack.of(self).account
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(name=self.query_database),
        )
        prefix = f"s3://{self._storage.bucket.bucket_name}/{used_rows_prefix('')}"
        parquet = "org.apache.hadoop.hive.ql.io.parquet"
        column = glue.CfnTable.ColumnProperty
        table = glue.CfnTable(
            self,
            "UsedRows",
            catalog_id=account,
            database_name=self.query_database,
            table_input=glue.CfnTable.TableInputProperty(
                name=USED_ROWS,
                table_type="EXTERNAL_TABLE",
                parameters={
                    "classification": "parquet",
                    "projection.enabled": "true",
                    "projection.run.type": "injected",
                    "storage.location.template": f"{prefix}${{run}}/",
                },
                partition_keys=[column(name="run", type="string")],
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    location=prefix,
                    columns=[
                        column(name="request_id", type="string"),
                        column(name="row", type="bigint"),
                    ],
                    input_format=f"{parquet}.MapredParquetInputFormat",
                    output_format=f"{parquet}.MapredParquetOutputFormat",
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        serialization_library=f"{parquet}.serde.ParquetHiveSerDe"
                    ),
                ),
            ),
        )
        table.add_dependency(database)
