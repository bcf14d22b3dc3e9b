"""Lambda: put an earlier version back into production.

Event, by hand: ``{"model": …, "reason": …}`` and, to go back further, ``"to"``, a version. Event of
an alarm: in CloudWatch's form. An alarm only rolls back a promotion within the model's watch
period. MLflow follows: the event of the rollback starts ``mirror_rollback``. The answer says
whether production ``moved``, its version and the reason. If a run is interrupted, run it again to
finish.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from evergreen.aws import LONG
from evergreen.clock import utc_now
from evergreen.errors import PointerError
from evergreen.events import Events
from evergreen.model_definition import find_definition
from evergreen.release.context import RollbackContext
from evergreen.release.rollback import move_back
from evergreen.release.watch_period import reason_not_to_roll_back
from functions.roll_back.alarm import Alarm
from functions.roll_back.settings import settings
from functions.shared import clients
from functions.shared.decision_counters import count
from functions.shared.logs import create_logger

logger = create_logger()


class Request(BaseModel):
    """The request of a person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    reason: str = Field(min_length=1)
    to: str | None = None


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Roll back, or answer why an alarm does not."""
    if "alarmData" in event:
        return _of_alarm(Alarm.model_validate(event))
    request = Request.model_validate(event)
    model = find_definition(settings().models, request.model).name
    return _rolled_back(model, request.reason, to=request.to)


def _of_alarm(alarm: Alarm) -> dict[str, Any]:
    definition = find_definition(settings().models, alarm.model)
    pointer = _context().production.read_last_valid(definition.name)
    kept = (
        reason_not_to_roll_back(definition.rollback, pointer, alarm.at)
        if alarm.state == "ALARM"
        else "no alarm"
    )
    if kept:
        logger.info("kept", extra={"model": definition.name, "alarm": alarm.name, "why": kept})
        return {"model": definition.name, "moved": False, "reason": kept}
    reason = f"alarm {alarm.name}: {alarm.reason}"
    return _rolled_back(definition.name, reason, execution=alarm.arn)


def _rolled_back(
    model: str, reason: str, *, to: str | None = None, execution: str | None = None
) -> dict[str, Any]:
    before = _serving(model)
    try:
        record = move_back(_context(), model, reason, to=to, execution=execution)
    finally:
        # A rollback counts once production has changed, even if its record fails afterwards.
        moved = before != _serving(model)
        if moved:
            count(model, "roll_back")
    answer = {**record.model_dump(mode="json"), "moved": moved}
    logger.info("rolled back", extra=answer)
    return answer


def _serving(model: str) -> str | None:
    """Return the version that the pointer names; None without one or if it cannot be read."""
    try:
        pointer = _context().production.read(model)
    except PointerError:
        return None
    return pointer.version if pointer else None


@cache
def _context() -> RollbackContext:
    """Return the places that a rollback reads and writes."""
    environment = settings()
    return RollbackContext(
        storage=clients.storage(environment.bucket, LONG),
        production=clients.production(environment.stage, LONG),
        events=Events(environment.event_bus, clients.aws_client("events", LONG)),
        clock=utc_now,
    )
