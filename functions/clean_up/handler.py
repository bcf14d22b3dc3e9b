"""Lambda: put a challenger that lost aside, leaving nothing of it but run and decision.

Event: ``{"model": …, "challenger": …, "execution": …}`` and the comparison that ``evaluate`` added;
the answer adds ``decided_at``. Running it again finishes what an interrupted run left undone.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from evergreen.clock import to_text, utc_now
from evergreen.evaluation import Comparison
from evergreen.events import Events
from evergreen.metrics import MODEL_DIMENSION, NAMESPACE, Metric
from evergreen.production import Production
from evergreen.promotion import Desk, reject
from evergreen.registry import Registry
from evergreen.storage import Storage
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ConfigDict

from functions.clean_up.settings import settings

logger = Logger()


class Request(BaseModel):
    """Which challenger lost."""

    model_config = ConfigDict(frozen=True)

    model: str
    challenger: str
    execution: str | None = None


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Reject."""
    request = Request.model_validate(event)
    record = reject(
        _desk(),
        request.model,
        request.challenger,
        Comparison.model_validate(event),
        execution=request.execution,
    )
    _count(request.model)
    logger.info("rejected", extra=record.model_dump(mode="json"))
    return event | {"decided_at": to_text(record.decided_at)}


def _count(model: str) -> None:
    # Without a service name: it would become a second dimension, and the dashboards ask for one.
    metrics = Metrics(namespace=NAMESPACE, service="")
    metrics.add_dimension(name=MODEL_DIMENSION, value=model)
    metrics.add_metric(name=Metric.REJECTIONS, unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()


@cache
def _desk() -> Desk:
    return Desk(
        storage=Storage(settings().bucket, boto3.client("s3")),
        production=Production(settings().stage, boto3.client("ssm")),
        registry=Registry(MlflowClient(settings().tracking_uri)),
        events=Events(settings().event_bus, boto3.client("events")),
        clock=utc_now,
    )
