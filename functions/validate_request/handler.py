"""Lambda: validate a retraining request, and return how the model is retrained.

Event: ``{"model": …, "execution": <ARN>, "trigger": …, "because": [ground, …]}``. The answer adds
``compute``, for a training job ``training_job`` (instance type and longest time), and
``shadow_predictions``.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, ValidationError

from evergreen.errors import RetrainingRequestError
from evergreen.model_definition import Retraining, find_definition
from functions.shared.logs import create_logger
from functions.validate_request.settings import settings

logger = create_logger()


class Request(BaseModel):
    """The request: the model, the execution and the trigger."""

    model_config = ConfigDict(frozen=True, strict=True, str_min_length=1)

    model: str
    execution: str
    trigger: str


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Validate, or raise RetrainingRequestError or UnknownModelError."""
    try:
        request = Request.model_validate(event)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise RetrainingRequestError(
            f"{first['msg']}, not {first['input']!r}",
            where=field,
            fix='The input is {"model": "<name>"}, or an event of Evergreen.',
        ) from error
    definition = find_definition(settings().models, request.model)
    answer = event | {
        **_compute(definition.retraining),
        "shadow_predictions": definition.shadow.min_predictions,
    }
    logger.info("request is valid", extra=answer)
    return answer


def _compute(retraining: Retraining) -> dict[str, Any]:
    if retraining.compute == "lambda":
        return {"compute": "lambda"}
    if not settings().sagemaker:
        note = "there is no SageMaker here: trained in a function instead"
        logger.warning(note)
        return {"compute": "lambda", "compute_note": note}
    return {
        "compute": "sagemaker",
        "training_job": {
            "instance_type": retraining.instance_type,
            "max_seconds": int(retraining.time_limit.total_seconds()),
        },
    }
