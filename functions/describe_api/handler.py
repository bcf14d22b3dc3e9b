"""Entry point of the function that describes the API."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from evergreen.metrics.catalog import NO_MODEL
from functions.describe_api.routes import router, unknown_router
from functions.describe_api.status_routes import status_router
from functions.shared.api import adapt, create_api, logger
from functions.shared.metrics import Recorder

app = create_api()
app.include_router(status_router)
app.include_router(router)
app.include_router(unknown_router)
_adapted = adapt(app)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of API Gateway, and write its metrics once."""
    recorder = Recorder(NO_MODEL)
    try:
        return _adapted(event, context, recorder)
    finally:
        recorder.flush()
