"""Compacts what is due, for all models or for one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from pydantic import BaseModel, ConfigDict, Field

from evergreen.lake.compaction import compact
from evergreen.model_definition import find_definition, load_definitions
from evergreen.storage import Storage
from functions.compact_logs.settings import settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


class Request(BaseModel):
    """What a schedule or a person asks for; all of it may be left out."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = None
    include_open: bool = False
    days: int = Field(default=3, ge=1, le=400)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Compact, and answer with one entry per partition that had something new."""
    request = Request.model_validate(event)
    models = settings().models
    if request.model:
        definitions = [find_definition(models, request.model)]
    else:
        definitions = list(load_definitions(models).values())
    storage = Storage(settings().bucket, boto3.client("s3"))
    done = [
        asdict(result)
        for definition in definitions
        for result in compact(
            storage, definition, days=request.days, include_open=request.include_open
        )
    ]
    logger.info("compacted", extra={"partitions": done})
    return {"partitions": done}
