"""Lambda: put a challenger that won into production.

Event: ``{"model": …, "challenger": …, "execution": …}`` and the comparison that ``evaluate`` added;
the answer adds ``decided_at``. Running it again finishes what an interrupted run left undone.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from evergreen.clock import to_text, utc_now
from evergreen.evaluation import Comparison
from evergreen.events import Events
from evergreen.metrics import Metric
from evergreen.production import Production
from evergreen.promotion import Desk, promote
from evergreen.registry import Registry
from evergreen.storage import Storage
from functions.metrics import Recorder
from functions.promote.settings import settings
from functions.tracking import tracking_client

logger = Logger()


class Request(BaseModel):
    """Which challenger won."""

    model_config = ConfigDict(frozen=True)

    model: str
    challenger: str
    execution: str | None = None


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Promote."""
    request = Request.model_validate(event)
    record = promote(
        _desk(),
        request.model,
        request.challenger,
        Comparison.model_validate(event),
        execution=request.execution,
    )
    recorder = Recorder(request.model)
    recorder.record(Metric.PROMOTIONS, 1)
    recorder.record(Metric.REJECTIONS, 0)
    recorder.flush()
    logger.info("promoted", extra=record.model_dump(mode="json"))
    return event | {"decided_at": to_text(record.decided_at)}


@cache
def _desk() -> Desk:
    return Desk(
        storage=Storage(settings().bucket, boto3.client("s3")),
        production=Production(settings().stage, boto3.client("ssm")),
        registry=Registry(tracking_client(settings().tracking_uri, settings().tracking_secret)),
        events=Events(settings().event_bus, boto3.client("events")),
        clock=utc_now,
    )
