"""Lambda: compare a challenger in the shadow slot with the champion.

Event: ``{"model": …, "challenger": …, "reason": …, "shadow": …}``. The answer replaces ``shadow``
by the comparison, with ``verdict`` (``waiting``, ``promote`` or ``reject``) and ``wait_seconds``.
Unless the verdict is ``waiting``, the answer has ``decision`` and ``reason``.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from evergreen.aws import LONG
from evergreen.clock import to_text, utc_now
from evergreen.errors import EvergreenError
from evergreen.model_definition import find_definition
from evergreen.shadow.comparison import compare_shadow
from evergreen.shadow.look import keep_look
from evergreen.shadow.slot import seconds_to_wait
from functions.shared import clients
from functions.shared.lake import lake
from functions.shared.lake_settings import settings
from functions.shared.logs import create_logger

logger = create_logger()


class Request(BaseModel):
    """The request: the challenger, and the reason why it is in the shadow slot."""

    model_config = ConfigDict(frozen=True)

    model: str
    challenger: str
    reason: str


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Compare, or raise if the challenger is no longer in the shadow slot."""
    request = Request.model_validate(event)
    definition = find_definition(settings().models, request.model)
    pointer = clients.production(settings().stage, LONG).read(definition.name)
    slot = pointer.shadow if pointer else None
    if slot is None or slot.version != request.challenger:
        raise EvergreenError(
            f"version {request.challenger} is no longer in the shadow slot",
            where=definition.name,
            fix="Another version was promoted or put there meanwhile. Retrain.",
        )
    storage = clients.storage(settings().bucket, LONG)
    seen = compare_shadow(storage, lake(settings()), definition, slot, clock=utc_now)
    now = utc_now()
    keep_look(storage, definition.name, slot, seen.model_dump(), now)
    shadow = {
        "version": slot.version,
        "started_at": to_text(slot.started_at),
        "wait_seconds": seconds_to_wait(definition, slot, now),
        **seen.model_dump(mode="json"),
    }
    logger.info(seen.reason, extra={"model": definition.name, "shadow": shadow})
    if seen.verdict == "waiting":
        return event | {"shadow": shadow}
    reason = seen.reason if seen.verdict == "reject" else f"{request.reason}; {seen.reason}"
    return event | {"shadow": shadow, "decision": seen.verdict, "reason": reason}
