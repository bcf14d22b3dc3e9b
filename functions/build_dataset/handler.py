"""Lambda: build the data set of a challenger.

Event: ``{"model": …}``; the answer adds ``dataset_id``, ``champion`` (the version in production)
and ``window``, the rows to train on in words.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from evergreen.clock import utc_now
from evergreen.datasets.builder import build_dataset
from evergreen.errors import NoProductionModelError
from evergreen.lake.reader import Lake
from evergreen.model_definition import find_definition
from evergreen.production import Production
from evergreen.storage import Storage
from evergreen.training.trainer import load_trainer
from evergreen.training.window import choose_window
from functions.build_dataset.settings import settings

logger = Logger()


class Request(BaseModel):
    """Which model to build a data set for."""

    model_config = ConfigDict(frozen=True)

    model: str


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Build the data set, or raise NotEnoughDataError."""
    request = Request.model_validate(event)
    definition = find_definition(settings().models, request.model)
    pointer = _production().read(definition.name)
    if pointer is None:
        raise NoProductionModelError(
            "nothing is in production to build on",
            where=definition.name,
            fix="Train and promote a first model by hand.",
        )
    trainer = load_trainer(settings().models / definition.name)
    manifest = build_dataset(
        _storage(),
        Lake(_storage()),
        definition,
        pointer,
        choose_window=partial(choose_window, definition, trainer),
        clock=utc_now,
    )
    logger.info("data set built", extra=manifest.model_dump(mode="json"))
    answer = event | {"dataset_id": manifest.dataset_id, "champion": pointer.version}
    return answer | ({"window": manifest.window.reason} if manifest.window else {})


@cache
def _storage() -> Storage:
    return Storage(settings().bucket, boto3.client("s3"))


@cache
def _production() -> Production:
    return Production(settings().stage, boto3.client("ssm"))
