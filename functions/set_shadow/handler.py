"""Lambda: put a challenger into the shadow slot, or take it out.

Event: ``{"action": "start", "model": …, "challenger": …, "bundle_uri": …, "bundle_sha256": …,
"execution": …}`` or ``{"action": "stop", "model": …, "challenger": …}``. The answer is ``version``,
and after a start ``started_at`` and ``wait_seconds``, the time until the first comparison.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, RootModel

from evergreen.clock import to_text, utc_now
from evergreen.model_definition import find_definition
from evergreen.production import ShadowSlot
from evergreen.shadow.slot import seconds_to_wait, start_shadow, stop_shadow
from functions.shared import clients
from functions.shared.deployment_settings import settings
from functions.shared.logs import create_logger

logger = create_logger()


class Start(BaseModel):
    """The request to put a challenger into the slot."""

    model_config = ConfigDict(frozen=True)

    action: Literal["start"]
    model: str
    challenger: str
    bundle_uri: str
    bundle_sha256: str
    execution: str


class Stop(BaseModel):
    """The request to take a challenger out of the slot."""

    model_config = ConfigDict(frozen=True)

    action: Literal["stop"]
    model: str
    challenger: str


class Request(RootModel[Annotated[Start | Stop, Field(discriminator="action")]]):
    """A request of either kind."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Start or stop; a repeated request changes nothing."""
    request = Request.model_validate(event).root
    definition = find_definition(settings().models, request.model)
    production = clients.production(settings().stage)
    if isinstance(request, Stop):
        stopped = stop_shadow(production, definition.name, request.challenger)
        logger.info("shadow slot emptied" if stopped else "nothing to empty")
        return {"version": request.challenger}
    now = utc_now()
    wanted = ShadowSlot(
        version=request.challenger,
        bundle_uri=request.bundle_uri,
        sha256=request.bundle_sha256,
        started_at=now,
        owner=request.execution,
    )
    slot = start_shadow(clients.storage(settings().bucket), production, definition.name, wanted)
    logger.info("challenger in the shadow", extra=slot.model_dump(mode="json"))
    return {
        "version": slot.version,
        "started_at": to_text(slot.started_at),
        "wait_seconds": seconds_to_wait(definition, slot, now),
    }
