"""The states that read the log with a query: compact it, prepare the query, run it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn

from cdk.constructs.states import ALL
from cdk.naming import camel_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs import Construct

    from cdk.constructs.querying.query_engine import QueryEngine
    from cdk.constructs.states import States
    from cdk.storage_stack import StorageStack

QUERY_SECONDS = 1800
"""Athena's own limit of a query (docs.aws.amazon.com/athena/latest/ug/service-limits.html)."""

_UNLOAD = "States.Format($.query.unload, $.query.select, $.query.location, $$.State.RetryCount)"
"""Each attempt writes below its own number: what a failed one left would stop the next one."""
_OWNER = {"model.$": "$.model", "execution.$": "$.execution"}


@dataclass(frozen=True, slots=True)
class OtherFunction:
    """A function of another stack, for a state that calls it."""

    function: lambda_.IFunction


def query_functions(scope: Construct, storage: StorageStack) -> dict[str, Any]:
    """Return the functions that the states call, by folder.

    They are imported by their names: an export would make it impossible to replace them.
    """
    return {
        folder: _by_name(scope, storage, folder) for folder in ("compact_logs", "prepare_query")
    }


def _by_name(scope: Construct, storage: StorageStack, folder: str) -> OtherFunction:
    arn = Stack.of(scope).format_arn(
        service="lambda",
        resource="function",
        resource_name=storage.deployment.settings.name(folder.replace("_", "-")),
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    function = lambda_.Function.from_function_attributes(
        scope, camel_case(folder), function_arn=arn, same_environment=True
    )
    return OtherFunction(function)


class QueryStates:
    """Builds the states of one state machine that read the log with a query.

    They add ``query`` to the object that the states pass on: what was prepared, and ``ran``, the
    identifier and the statistics of Athena's query.

    Parameters
    ----------
    states
        Builds the calls. It must know the functions ``compact_logs`` and ``prepare_query``.
    engine
        Athena.
    caught
        Adds what follows a failure to a task.
    """

    def __init__(self, states: States, engine: QueryEngine, caught: Callable[[Any], None]) -> None:
        self._states = states
        self._engine = engine
        self._caught = caught
        self.prepare: Any = None
        """The state that prepares the query: a place to go back to."""

    def build(self, then: sfn.IChainable, **asked: str) -> Any:  # noqa: ANN401 - CDK's task
        """Return the first state; ``then`` follows a query that has ended well.

        Parameters
        ----------
        asked
            Further fields of the request to prepare, by the path of their value.
        """
        compact = self._states.call(
            "Compact the log",
            "compact_logs",
            payload={"model.$": "$.model", "include_open": True},
            result_path=sfn.JsonPath.DISCARD,
        )
        fields = {f"{name}.$": path for name, path in asked.items()}
        self.prepare = self._states.call(
            "Prepare the query",
            "prepare_query",
            payload={"action": "prepare", **_OWNER, **fields},
            result_path="$.query",
        )
        # One object that cannot be compacted must not stop what needs the others. An alarm tells.
        compact.add_catch(
            self.prepare, errors=["CompactionError"], result_path=sfn.JsonPath.DISCARD
        )
        query = self._query()
        for task in (compact, self.prepare, query):
            self._caught(task)
        query.next(then)
        found = (
            sfn.Choice(self._states.scope, "Is there anything to query?")
            .when(sfn.Condition.boolean_equals("$.query.found", value=True), query)
            .otherwise(self._nothing(then))
        )
        compact.next(self.prepare)
        self.prepare.next(found)
        return compact

    def remove(self, then: sfn.IChainable) -> sfn.IChainable:
        """Return the state that removes what the queries wrote; ``then`` follows in any case."""
        remove = self._states.call(
            "Remove the query's output",
            "prepare_query",
            payload={"action": "remove", **_OWNER},
            result_path=sfn.JsonPath.DISCARD,
        )
        # What stays is deleted after a day by the bucket's lifecycle.
        remove.add_catch(then, errors=[ALL], result_path=sfn.JsonPath.DISCARD)
        return remove.next(then)

    def _nothing(self, then: sfn.IChainable) -> sfn.IChainable:
        # The state that follows finds no query, and says why.
        forget = sfn.Pass(
            self._states.scope,
            "Go on without a query",
            result=sfn.Result.from_object({}),
            result_path="$.query",
        )
        return forget.next(then)

    def _query(self) -> sfn.CustomState:
        # CDK's own task gives its role rights on every table of the account.
        return sfn.CustomState(
            self._states.scope,
            "Query the log",
            state_json={
                "Type": "Task",
                "Resource": f"arn:{Stack.of(self._states.scope).partition}:states:::"
                "athena:startQueryExecution.sync",
                "Parameters": {
                    "QueryString.$": _UNLOAD,
                    "WorkGroup": self._engine.work_group,
                    "QueryExecutionContext": {
                        "Catalog": "AwsDataCatalog",
                        "Database": self._engine.log_database,
                    },
                },
                "ResultSelector": {
                    "query_id.$": "$.QueryExecution.QueryExecutionId",
                    "statistics.$": "$.QueryExecution.Statistics",
                },
                "ResultPath": "$.query.ran",
                "TimeoutSeconds": QUERY_SECONDS + 60,
                "Retry": [
                    {
                        "ErrorEquals": [
                            "Athena.TooManyRequestsException",
                            "Athena.InternalServerException",
                        ],
                        "IntervalSeconds": 5,
                        "MaxAttempts": 4,
                        "BackoffRate": 2,
                        "JitterStrategy": "FULL",
                    },
                    # What a stopped query has read is billed, so there is one more.
                    {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 30, "MaxAttempts": 1},
                ],
            },
        )
