"""Lambda: register a finished training run as a version of the model, with its bundle.

Event: ``{"model": …, "dataset_id": …, "run_id": …}``. A training job returns no ``run_id``. Then
the run is found by data set and code. The answer adds ``run_id``, ``challenger`` (the version),
``bundle_uri`` and ``bundle_sha256``. If a run is interrupted, run it again to finish.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from evergreen.aws import LONG
from evergreen.clock import utc_now
from evergreen.errors import RegistryError
from evergreen.metrics.catalog import Metric
from evergreen.model_definition import ModelDefinition, find_definition
from evergreen.registry.registration import register_challenger
from evergreen.registry.writer import Registry
from evergreen.training.train import find_trained
from functions.shared import clients
from functions.shared.logs import create_logger
from functions.shared.metrics import Recorder
from functions.shared.tracking import open_registry
from functions.shared.tracking_settings import settings

logger = create_logger()


class Request(BaseModel):
    """The request: the run to register."""

    model_config = ConfigDict(frozen=True)

    model: str
    dataset_id: str
    run_id: str | None = None


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Register the challenger and store its bundle."""
    request = Request.model_validate(event)
    definition = find_definition(settings().models, request.model)
    challenger = register_challenger(
        definition.name,
        request.run_id or _run_of(definition, request.dataset_id),
        request.dataset_id,
        storage=clients.storage(settings().bucket, LONG),
        registry=_registry(),
        clock=utc_now,
    )
    registered = _registry().find(definition.name, challenger.version)
    recorder = Recorder(definition.name)
    recorder.record(Metric.RETRAININGS, 1)
    recorder.flush()
    answer = event | {
        "run_id": challenger.run_id,
        "challenger": challenger.version,
        "bundle_uri": registered.bundle_uri,
        "bundle_sha256": registered.bundle_sha256,
    }
    logger.info("challenger registered", extra=answer)
    return answer


def _run_of(definition: ModelDefinition, dataset_id: str) -> str:
    folder = settings().models / definition.name
    trained = find_trained(definition, folder, dataset_id, registry=_registry())
    if trained is None:
        raise RegistryError(
            f"no finished run of this code on data set {dataset_id}",
            where=definition.name,
            fix="See the training job's log.",
        )
    return trained.run_id


@cache
def _registry() -> Registry:
    return open_registry(settings())
