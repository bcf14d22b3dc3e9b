"""Lambda: train a challenger, without registration.

Event: ``{"model": …, "dataset_id": …}``; the answer adds ``run_id``. If a finished run of the same
code on the same data set exists, it is used again.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.shared.logs import create_logger
from functions.train.work import TrainingRequest, train_once

logger = create_logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Train a challenger."""
    trained = train_once(TrainingRequest.model_validate(event))
    answer = event | {"run_id": trained.run_id}
    logger.info("challenger trained", extra=answer)
    return answer
