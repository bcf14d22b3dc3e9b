"""Lambda: put a challenger that won into production.

Event: ``{"model": …, "challenger": …, "execution": …}`` and the comparison that ``evaluate`` added;
the answer adds ``decided_at``. If a run is interrupted, run it again to finish.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from evergreen.clock import to_text
from evergreen.evaluation.comparison import Comparison
from evergreen.release.promotion import promote
from functions.shared.decision_counters import count
from functions.shared.logs import create_logger
from functions.shared.release_context import JudgedChallenger, release_context

logger = create_logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Promote the challenger."""
    won = JudgedChallenger.model_validate(event)
    comparison = Comparison.model_validate(event)
    record = promote(
        release_context(), won.model, won.challenger, comparison, execution=won.execution
    )
    count(won.model, record.decision)
    logger.info("promoted", extra=record.model_dump(mode="json"))
    return event | {"decided_at": to_text(record.decided_at)}
