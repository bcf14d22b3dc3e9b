"""Lambda: take the retraining lock of a model for one execution.

Event: ``{"model": …, "execution": <ARN>}``; the answer is the event. An unknown model is refused
here, before anything is touched.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

from evergreen.clock import utc_now
from evergreen.model_definition import find_definition
from evergreen.retraining_lock import take_lock
from evergreen.storage import Storage
from functions.take_lock.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

logger = Logger()


class Request(BaseModel):
    """Who wants to retrain what."""

    model_config = ConfigDict(frozen=True)

    model: str
    execution: str


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Take the lock, or raise RetrainingInProgressError."""
    request = Request.model_validate(event)
    definition = find_definition(settings().models, request.model)
    take_lock(_storage(), definition.name, request.execution, is_running=is_running, clock=utc_now)
    logger.info("lock taken", model=definition.name, execution=request.execution)
    return event


def is_running(execution: str) -> bool:
    """Say whether an execution is running; one that Step Functions no longer knows is not."""
    try:
        answer = _states().describe_execution(executionArn=execution)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"ExecutionDoesNotExist", "InvalidArn"}:
            return False
        raise
    return answer["status"] == "RUNNING"


@cache
def _storage() -> Storage:
    return Storage(settings().bucket, boto3.client("s3"))


@cache
def _states() -> SFNClient:
    return boto3.client("stepfunctions")
