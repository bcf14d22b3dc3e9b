"""Lambda: take the retraining lock of a model for one execution.

Event: ``{"model": …, "execution": <ARN>}``; the answer is the event. The holder of the lock may
empty a shadow slot that an ended execution left, so this function does that too.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from evergreen.clock import utc_now
from evergreen.model_definition import find_definition
from evergreen.release import executions
from evergreen.release.retraining_lock import take_lock
from evergreen.shadow.slot import clear_abandoned_shadow
from functions.shared import clients
from functions.shared.deployment_settings import settings
from functions.shared.logs import create_logger

logger = create_logger()


class Request(BaseModel):
    """The request: the model and the execution."""

    model_config = ConfigDict(frozen=True)

    model: str
    execution: str


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Take the lock, or raise RetrainingInProgressError."""
    request = Request.model_validate(event)
    definition = find_definition(settings().models, request.model)
    storage, production = clients.storage(settings().bucket), clients.production(settings().stage)
    take_lock(storage, definition.name, request.execution, is_running=_is_running, clock=utc_now)
    healed = clear_abandoned_shadow(production, definition.name, request.execution)
    logger.info("lock taken", extra={**request.model_dump(), "slot_healed": healed})
    return event


def _is_running(execution: str) -> bool:
    """Return whether an execution still runs."""
    return executions.is_running(clients.aws_client("stepfunctions"), execution)
