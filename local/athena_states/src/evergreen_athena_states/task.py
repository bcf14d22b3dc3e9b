"""The task ``athena:startQueryExecution.sync`` of a state machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
from localstack.aws.api.stepfunctions import HistoryEventType, TaskFailedEventDetails
from localstack.services.stepfunctions.asl.component.common.error_name import (
    failure_event,
    states_error_name,
)
from localstack.services.stepfunctions.asl.component.common.error_name.states_error_name_type import (  # noqa: E501
    StatesErrorNameType,
)
from localstack.services.stepfunctions.asl.component.state.state_execution.state_task.service.resource import (  # noqa: E501
    ResourceCondition,
)
from localstack.services.stepfunctions.asl.component.state.state_execution.state_task.service.state_task_service_callback import (  # noqa: E501
    StateTaskServiceCallback,
)
from localstack.services.stepfunctions.asl.eval.event.event_detail import EventDetails

if TYPE_CHECKING:
    from collections.abc import Callable

    from localstack.services.stepfunctions.asl.component.state.state_execution.state_task.credentials import (  # noqa: E501
        StateCredentials,
    )
    from localstack.services.stepfunctions.asl.component.state.state_execution.state_task.service.resource import (  # noqa: E501
        ResourceRuntimePart,
    )
    from localstack.services.stepfunctions.asl.eval.environment import Environment

_PARAMETERS = {"ClientRequestToken", "QueryExecutionContext", "QueryString", "WorkGroup"}
_RUNNING = {"QUEUED", "RUNNING"}


class AthenaTask(StateTaskServiceCallback):  # type: ignore[misc] # LocalStack has no types
    """Starts a query and waits for its end.

    Parameters
    ----------
    address
        The address of a server that speaks Athena's API.
    """

    def __init__(self, address: str) -> None:
        super().__init__(supported_integration_patterns={ResourceCondition.Sync})
        self._athena = boto3.client(
            "athena",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the server asks for none
        )

    def _get_supported_parameters(self) -> set[str] | None:
        return _PARAMETERS if self.resource.api_action == "startQueryExecution" else None

    def _eval_service_task(
        self,
        env: Environment,
        resource_runtime_part: ResourceRuntimePart,  # noqa: ARG002
        normalised_parameters: dict[str, Any],
        state_credentials: StateCredentials,  # noqa: ARG002
    ) -> None:
        answer = self._athena.start_query_execution(**normalised_parameters)
        env.stack.append({"QueryExecutionId": answer["QueryExecutionId"]})

    def _build_sync_resolver(
        self,
        env: Environment,
        resource_runtime_part: ResourceRuntimePart,  # noqa: ARG002
        normalised_parameters: dict[str, Any],  # noqa: ARG002
        state_credentials: StateCredentials,  # noqa: ARG002
    ) -> Callable[[], dict[str, Any] | None]:
        query = env.stack.pop()["QueryExecutionId"]

        def resolve() -> dict[str, Any] | None:
            found = self._athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            state = found["Status"]["State"]
            if state in _RUNNING:
                return None
            if state != "SUCCEEDED":
                raise self._failed(env, found)
            return {"QueryExecution": found}

        return resolve

    def _failed(self, env: Environment, found: dict[str, Any]) -> Exception:
        kind = StatesErrorNameType.StatesTaskFailed
        details = TaskFailedEventDetails(
            error=kind.to_name(),
            cause=json.dumps(found),
            resource=self._get_sfn_resource(),
            resourceType=self._get_sfn_resource_type(),
        )
        failure: Exception = failure_event.FailureEventException(
            failure_event.FailureEvent(
                env=env,
                error_name=states_error_name.StatesErrorName(typ=kind),
                event_type=HistoryEventType.TaskFailed,
                event_details=EventDetails(taskFailedEventDetails=details),
            )
        )
        return failure
