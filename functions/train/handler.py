"""Lambda: train, register and export a challenger.

Event: ``{"model": …, "dataset_id": …}``; the answer adds ``challenger``, the new version, and
``run_id``.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from evergreen.clock import utc_now
from evergreen.dataset import read_dataset, read_manifest
from evergreen.metrics import Metric
from evergreen.model_definition import find_definition
from evergreen.registry import Registry
from evergreen.storage import Storage
from evergreen.training import train_challenger
from functions.metrics import Recorder
from functions.tracking import tracking_client
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
    recorder = Recorder(definition.name)
    recorder.record(Metric.RETRAININGS, 1)
    recorder.flush()
    answer = event | {"challenger": challenger.version, "run_id": challenger.run_id}
    logger.info("challenger trained", extra=answer)
    return answer


@cache
def _storage() -> Storage:
    return Storage(settings().bucket, boto3.client("s3"))


@cache
def _registry() -> Registry:
    return Registry(tracking_client(settings().tracking_uri, settings().tracking_secret))
