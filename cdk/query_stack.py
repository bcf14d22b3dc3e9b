"""The query stack: Athena and the function that prepares its queries, where the log needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack

from cdk.constructs.building.functions import PythonFunction
from cdk.constructs.querying.query_engine import QueryEngine

if TYPE_CHECKING:
    from constructs import Construct

    from cdk.storage_stack import StorageStack


class QueryStack(Stack):
    """What the state machines need that read the log with queries."""

    def __init__(self, scope: Construct, storage: StorageStack, **stack: object) -> None:
        settings = storage.deployment.settings
        super().__init__(scope, f"Evergreen-{settings.stage}-Queries", **stack)  # type: ignore[arg-type]
        self.engine = QueryEngine(self, storage)
        self.prepare_query = PythonFunction(
            self,
            "PrepareQuery",
            storage,
            folder="prepare_query",
            layer="lake",
            environment=self.engine.environment(),
        )
        self.engine.let_prepare(self.prepare_query)
