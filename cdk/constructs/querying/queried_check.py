"""The state machine of a drift check whose window is read by a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk.constructs.querying.query_states import QUERY_SECONDS, QueryStates, query_functions
from cdk.constructs.states import ALL, States

if TYPE_CHECKING:
    from typing import Any

    from cdk.constructs.building.functions import EvergreenFunction
    from cdk.constructs.querying.query_engine import QueryEngine
    from cdk.storage_stack import StorageStack

_FUNCTION_SECONDS = 900


class QueriedCheck(Construct):
    """The state machine ``check-drift``: compact the log, query the window, check it.

    Its input is that of the function ``check_drift``, and its output the function's answer.

    Parameters
    ----------
    scope, storage
        The drift stack, and the stack with the bucket.
    engine
        Athena.
    check_drift
        The function that checks.
    """

    def __init__(
        self,
        scope: Construct,
        storage: StorageStack,
        engine: QueryEngine,
        check_drift: EvergreenFunction,
    ) -> None:
        super().__init__(scope, "QueriedCheck")
        settings = storage.deployment.settings
        name = settings.name("check-drift")
        functions = query_functions(self, storage) | {"check_drift": check_drift}
        log_group = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/vendedlogs/states/{name}",
            retention=settings.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=name,
            definition_body=sfn.DefinitionBody.from_chainable(
                self._definition(States(self, storage, functions), engine)
            ),
            timeout=Duration.seconds(2 * QUERY_SECONDS + 3 * _FUNCTION_SECONDS),
            tracing_enabled=not settings.emulator,
            logs=sfn.LogOptions(
                destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=True
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )
        engine.let_query(self.state_machine)

    def _definition(self, states: States, engine: QueryEngine) -> sfn.IChainable:
        # A failed execution has no output and says what failed; its input is in the console.
        failed = sfn.Fail(self, "Failed", error_path="$.error.Error", cause_path="$.error.Cause")
        ended = (
            sfn.Choice(self, "How did it end?")
            .when(sfn.Condition.is_present("$.error"), failed)
            .otherwise(sfn.Succeed(self, "Done", output_path="$.answer"))
        )

        def caught(task: Any) -> None:  # noqa: ANN401 - CDK's
            task.add_catch(remove, errors=[ALL], result_path="$.error")

        querying = QueryStates(states, engine, caught)
        remove = querying.remove(ended)
        fields = ("model", "window", "end", "report", "query")
        check = states.call(
            "Check for drift",
            "check_drift",
            payload={f"{name}.$": f"$.{name}" for name in fields},
            result_path="$.answer",
        )
        first = querying.build(check, window="$.window", end="$.end")
        check.add_catch(
            querying.prepare, errors=["OutdatedQueryError"], result_path=sfn.JsonPath.DISCARD
        )
        caught(check)
        check.next(remove)
        defaults = sfn.Pass(
            self,
            "Know the defaults",
            result=sfn.Result.from_object({"end": "", "report": False}),
            result_path="$.defaults",
        )
        whole = sfn.Pass(
            self,
            "Complete the input",
            parameters={"input.$": "States.JsonMerge($.defaults, $, false)"},
            output_path="$.input",
        )
        named = sfn.Pass(
            self,
            "Name the execution",
            input_path="$$.Execution.Id",
            result_path="$.execution",
        )
        return defaults.next(whole).next(named).next(first)
