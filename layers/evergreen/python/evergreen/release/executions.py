"""Executions of the state machine: whether one is running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_UNKNOWN = {"ExecutionDoesNotExist", "InvalidArn"}


def is_running(client: SFNClient, execution: str) -> bool:
    """Return whether an execution is running; one that Step Functions does not know is not."""
    try:
        answer = client.describe_execution(executionArn=execution)
    except ClientError as error:
        if error.response["Error"]["Code"] in _UNKNOWN:
            return False
        raise
    return answer["status"] == "RUNNING"
