"""The states of the state machine: calls with timeout, retries and error handling."""

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
_TASK_TIMEOUT = sfn.Timeout.duration(Duration.minutes(16))  # a function's 15 minutes and its start
_CALL_TIMEOUT = sfn.Timeout.duration(Duration.minutes(1))
_WORTH_TRYING_AGAIN = [
    # The function's process ended, or it reached its time limit.
    *("Lambda.Unknown", "Runtime.ExitError", "Sandbox.Timedout"),
    # As many functions as may run at once did.
    "Lambda.TooManyRequestsException",
    # The function could not reach a service. Every step may run twice, so it is tried again.
    *("ConnectTimeoutError", "EndpointConnectionError", "ReadTimeoutError", "RegistryError"),
]
_AWAY = "RegistryUnavailableError"
OUTAGE = Duration.minutes(30)
"""How long a state waits for an MLflow server that is away. The waiting costs nothing."""
_PAUSE = Duration.seconds(30)


class States:
    """Builds the states of one state machine.

    A state that fails adds ``error`` (the error of Step Functions) and ``failed`` (the name of the
    step) to the object that the states pass on.

    Parameters
    ----------
    scope
        The stack that holds the states.
    storage
        The stack with the event bus.
    functions
        The called functions, by folder.
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
        """Call a function; its answer replaces the object or goes to ``result_path``.

        It retries Lambda's own failures and errors that may be temporary, and waits for an MLflow
        server that is away.
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
            errors=[_AWAY],
            max_attempts=int(OUTAGE.to_seconds() / _PAUSE.to_seconds()),
            interval=_PAUSE,
            backoff_rate=1,
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
        """Call an AWS service directly; ``iam`` is the action and the resource."""
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
        """Put an event; the next state follows even if that fails."""
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
        """Return the state that records which step failed, followed by ``then``."""
        # Step Functions gives no cause if a state timed out.
        failed = {"step": step, "Cause": "its time was over, or no cause was given"}
        note = sfn.Pass(
            self.scope,
            f"{step}: failed",
            result=sfn.Result.from_object(failed),
            result_path="$.failed",
        )
        return note.next(then)
