"""Lambda: let MLflow show a rollback.

Event: ``Model Rolled Back`` of Evergreen's bus. Production has gone back already, so nothing waits
for this function. EventBridge tries again while MLflow cannot be reached.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from evergreen.events import ModelRolledBack
from evergreen.release.rollback import mirror_rollback
from functions.shared.logs import create_logger
from functions.shared.release_context import release_context

logger = create_logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Set MLflow's tags, aliases and links."""
    rolled_back = ModelRolledBack.model_validate(event["detail"])
    mirror_rollback(
        release_context(),
        rolled_back.model,
        rolled_back.challenger,
        rolled_back.dataset_id,
        rolled_back.decision_record,
    )
    logger.info("mirrored", extra=rolled_back.model_dump(mode="json"))
