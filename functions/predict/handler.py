"""Entry point of the prediction function."""

from __future__ import annotations

from functions.shared.cold_start import end_cold_start  # isort: split

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.predict.protocols import ROUTERS
from functions.predict.service import recorder, service
from functions.shared.api import adapt, add_routes, create_api, logger
from functions.shared.metrics import ServiceWatch
from functions.shared.snapshots import starts_from_snapshot

app = create_api()
add_routes(app, ROUTERS)
_adapted = adapt(app)
_watch = ServiceWatch()
if starts_from_snapshot():
    service()  # its clients are then part of the snapshot; the pointer is read by each copy
end_cold_start()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of API Gateway, and write its metrics once."""
    metrics = recorder()
    try:
        with _watch.watch(metrics, context):
            return _adapted(event, context, metrics)
    finally:
        metrics.flush()
