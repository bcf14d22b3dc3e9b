"""The building blocks of the state machine: calls that time out, are tried again, and fail well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

from evergreen.events import EVENT_SCHEMA_VERSION, SOURCE, EventType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import Construct

    from cdk.constructs.building.functions import EvergreenFunction
    from cdk.storage_stack import StorageStack

ALL = "States.ALL"
_TASK_TIMEOUT = sfn.Timeout.duration(Duration.minutes(16))  # a function's 15 and its start
_CALL_TIMEOUT = sfn.Timeout.duration(Duration.minutes(1))
_WORTH_TRYING_AGAIN = [
    # The function's process ended, or its time was over.
    *("Lambda.Unknown", "Runtime.ExitError", "Sandbox.Timedout"),
    # It could not reach what it needs: every step can be taken twice.
    *("ConnectTimeoutError", "EndpointConnectionError", "ReadTimeoutError", "RegistryError"),
]


class States:
    """Makes the states of one machine.

    A state that fails leaves ``error`` (what Step Functions says of it) and ``failed`` (which step
    it was) in the object that goes from state to state.

    Parameters
    ----------
    scope
        The stack that holds the states.
    storage
        Where events go.
    functions
        The functions called, by folder.
    """

    def __init__(
        self, scope: Construct, storage: StorageStack, functions: Mapping[str, EvergreenFunction]
    ) -> None:
        self.scope = scope
        self._storage = storage
        self._functions = functions

    def call(
        self,
        name: str,
        folder: str,
        *,
        payload: dict[str, Any] | None = None,
        result_path: str | None = None,
    ) -> tasks.LambdaInvoke:
        """Call a function; its answer becomes the object, or goes to ``result_path``.

        Lambda's own failures are retried by default, and those after which the step may succeed.
        """
        call = tasks.LambdaInvoke(
            self.scope,
            name,
            lambda_function=self._functions[folder].function,
            payload=sfn.TaskInput.from_object(payload) if payload else None,
            payload_response_only=True,
            result_path=result_path,
            task_timeout=_TASK_TIMEOUT,
        )
        call.add_retry(
            errors=_WORTH_TRYING_AGAIN,
            max_attempts=2,
            interval=Duration.seconds(5),
            backoff_rate=2,
        )
        return call

    def ask(
        self,
        name: str,
        *,
        service: str,
        action: str,
        parameters: dict[str, Any],
        iam: tuple[str, str],
        **options: Any,  # noqa: ANN401 - CDK's
    ) -> tasks.CallAwsService:
        """Call AWS without a function in between; ``iam`` is the action and the resource."""
        call = tasks.CallAwsService(
            self.scope,
            name,
            service=service,
            action=action,
            parameters=parameters,
            iam_action=iam[0],
            iam_resources=[iam[1]],
            task_timeout=_CALL_TIMEOUT,
            **options,
        )
        call.add_retry(max_attempts=3, interval=Duration.seconds(2))
        return call

    def report(
        self, name: str, kind: EventType, detail: dict[str, Any], then: sfn.IChainable
    ) -> tasks.EventBridgePutEvents:
        """Put an event; whether or not that works, go on with what comes after."""
        report = tasks.EventBridgePutEvents(
            self.scope,
            name,
            entries=[
                tasks.EventBridgePutEventsEntry(
                    source=SOURCE,
                    detail_type=kind,
                    detail=sfn.TaskInput.from_object(
                        {
                            "schema_version": EVENT_SCHEMA_VERSION,
                            "model.$": "$.model",
                            "execution.$": "$.execution",
                            **detail,
                        }
                    ),
                    event_bus=self._storage.bus,
                )
            ],
            result_path=sfn.JsonPath.DISCARD,
            task_timeout=_CALL_TIMEOUT,
        )
        report.add_retry(max_attempts=3, interval=Duration.seconds(2))
        report.add_catch(then, errors=[ALL], result_path=sfn.JsonPath.DISCARD)
        report.next(then)
        return report

    def note(self, step: str, then: sfn.IChainable) -> sfn.IChainable:
        """Return the state that notes which step failed, before ``then``."""
        # Step Functions gives no cause where a state's time was over.
        failed = {"step": step, "Cause": "its time was over, or no cause was given"}
        note = sfn.Pass(
            self.scope,
            f"{step}: failed",
            result=sfn.Result.from_object(failed),
            result_path="$.failed",
        )
        return note.next(then)
