"""Lambda: train, register and export a challenger.

Event: ``{"model": …, "dataset_id": …}``; the answer adds ``challenger``, the new version, and
``run_id``.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from evergreen.clock import utc_now
from evergreen.dataset import read_dataset, read_manifest
from evergreen.metrics import MODEL_DIMENSION, NAMESPACE, Metric
from evergreen.model_definition import find_definition
from evergreen.registry import Registry
from evergreen.storage import Storage
from evergreen.training import train_challenger
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ConfigDict

from functions.train.settings import settings

logger = Logger()


class Request(BaseModel):
    """What to train, on which data set."""

    model_config = ConfigDict(frozen=True)

    model: str
    dataset_id: str


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Train a challenger."""
    request = Request.model_validate(event)
    definition = find_definition(settings().models, request.model)
    manifest = read_manifest(_storage(), definition.name, request.dataset_id)
    challenger = train_challenger(
        definition,
        settings().models / definition.name,
        manifest,
        read_dataset(_storage(), definition.name, request.dataset_id),
        storage=_storage(),
        registry=_registry(),
        clock=utc_now,
    )
    _count(definition.name)
    answer = event | {"challenger": challenger.version, "run_id": challenger.run_id}
    logger.info("challenger trained", extra=answer)
    return answer


def _count(model: str) -> None:
    # Without a service name: it would become a second dimension, and the dashboards ask for one.
    metrics = Metrics(namespace=NAMESPACE, service="")
    metrics.add_dimension(name=MODEL_DIMENSION, value=model)
    metrics.add_metric(name=Metric.RETRAININGS, unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()


@cache
def _storage() -> Storage:
    return Storage(settings().bucket, boto3.client("s3"))


@cache
def _registry() -> Registry:
    return Registry(MlflowClient(settings().tracking_uri))
