"""Use of the lake's tables: their catalogue, their files, and their upkeep.

On AWS the catalogue is the stage's Glue database. An emulator without Glue has an SQL database
instead, whose address is a setting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk.constructs import access
from cdk.constructs.building.functions import shared_layer

if TYPE_CHECKING:
    from cdk.constructs.building.functions import EvergreenFunction
    from cdk.storage_stack import StorageStack

SQL_CATALOG_LAYER = "sql-catalog"
_RAW = ("request-log/raw/", "labels/raw/")
_TABLES = ("request-log/table/", "labels/table/")
_HELD = ("request-log/held/", "labels/held/")
"""The lists of the raw objects whose rows the tables hold."""
_LOOK_UP = ("glue:GetDatabase", "glue:GetTable", "glue:GetTables")
# It deletes the entry of a table whose metadata is gone, and makes it again from what is left.
_CHANGE = ("glue:CreateTable", "glue:UpdateTable", "glue:DeleteTable")
_OPTIMIZERS = (
    "glue:CreateTableOptimizer",
    "glue:GetTableOptimizer",
    "glue:UpdateTableOptimizer",
)
_OPTIMIZER_LOGS = ("compaction", "retention", "orphan-file-deletion")


def read_lake(function: EvergreenFunction, storage: StorageStack) -> None:
    """Let a function read the request log and the ground truth, and tell it the catalogue."""
    name_lake(function, storage)
    access.grant_read(function.role, storage, "request-log/", "labels/")
    _on_tables(function.role, storage, *_LOOK_UP)


def compact_lake(function: EvergreenFunction, storage: StorageStack) -> None:
    """Let a function move what has landed into the tables, and keep the tables in order."""
    name_lake(function, storage)
    access.grant_read(function.role, storage, *_TABLES, *_HELD, *_RAW)
    access.grant_write(function.role, storage, *_TABLES, *_HELD, "rejected/")
    access.grant_delete(function.role, storage, *_TABLES, *_HELD, *_RAW)
    _on_tables(function.role, storage, *_LOOK_UP, *_CHANGE)
    settings = storage.deployment.settings
    if settings.lake_catalog == "glue" and settings.table_upkeep == "glue":
        optimizer = TableOptimizerRole(function, storage)
        function.function.add_environment("EVERGREEN_TABLE_OPTIMIZER_ROLE", optimizer.role.role_arn)
        optimizer.let_pass(function)


class TableOptimizerRole(Construct):
    """The role in which Glue's table optimizers rewrite small files and remove old ones.

    Its permissions are those that AWS names for it
    (docs.aws.amazon.com/glue/latest/dg/optimization-prerequisites.html), for our tables only.
    """

    def __init__(self, scope: Construct, storage: StorageStack) -> None:
        super().__init__(scope, "TableOptimizer")
        self._storage = storage
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("glue.amazonaws.com"))
        access.grant_read(self.role, storage, *_TABLES)
        access.grant_write(self.role, storage, *_TABLES)
        access.grant_delete(self.role, storage, *_TABLES)
        _on_tables(self.role, storage, "glue:GetTable", "glue:UpdateTable")
        groups = [
            storage.format_arn(
                service="logs",
                resource="log-group",
                resource_name=f"/aws-glue/iceberg-{what}/logs:*",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )
            for what in _OPTIMIZER_LOGS
        ]
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                resources=groups,
            )
        )

    def let_pass(self, function: EvergreenFunction) -> None:
        """Let a function create optimizers that have this role."""
        _on_tables(function.role, self._storage, *_OPTIMIZERS)
        function.role.add_to_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[self.role.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "glue.amazonaws.com"}},
            )
        )


def name_lake(function: EvergreenFunction, storage: StorageStack) -> None:
    """Tell a function the catalogue of the tables, without the right to read them."""
    settings = storage.deployment.settings
    function.function.add_environment("EVERGREEN_LAKE_CATALOG", settings.lake_catalog)
    function.function.add_environment("EVERGREEN_LAKE_DATABASE", settings.lake_database)
    if settings.lake_catalog != "glue":
        function.function.add_layers(shared_layer(function, SQL_CATALOG_LAYER, storage))


def _on_tables(role: iam.Role, storage: StorageStack, *actions: str) -> None:
    settings = storage.deployment.settings
    if settings.lake_catalog != "glue":
        return
    database = settings.lake_database
    arns = [
        storage.format_arn(service="glue", resource="catalog"),
        storage.format_arn(service="glue", resource="database", resource_name=database),
        storage.format_arn(service="glue", resource="table", resource_name=f"{database}/*"),
    ]
    role.add_to_policy(iam.PolicyStatement(actions=[*actions], resources=arns))
