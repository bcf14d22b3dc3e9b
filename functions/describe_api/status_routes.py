"""The routes of the status page of the whole deployment."""

from __future__ import annotations

from functools import cache

from fastapi import APIRouter, Response

from evergreen.clock import utc_now
from evergreen.errors import FieldError, RequestError
from evergreen.metrics.history import SPANS
from evergreen.model_definition import load_definitions
from evergreen.reporting.status import StatusReader
from functions.describe_api.settings import settings
from functions.describe_api.status_page import status_page
from functions.shared import clients
from functions.shared.api import answer

status_router = APIRouter()


@status_router.get("/")
async def index() -> Response:
    """Return the status page; it asks for the API key and reads ``/status``."""
    page = status_page()
    return Response(page.html, media_type="text/html", headers=dict(page.headers))


@status_router.get("/status")
async def report_status(span: str = "1h") -> Response:
    """Return the state of each model, with its metrics over one of the spans."""
    if span not in SPANS:
        raise RequestError(
            422,
            f"there is no span {span!r}",
            (FieldError("span", f"must be one of {', '.join(SPANS)}"),),
        )
    return answer(_reader().read(SPANS[span]).model_dump(mode="json"))


@cache
def _reader() -> StatusReader:
    return StatusReader(
        stage=settings().stage,
        definitions=load_definitions(settings().models),
        production=clients.production(settings().stage),
        storage=clients.storage(settings().bucket),
        cloudwatch=clients.aws_client("cloudwatch"),
        stepfunctions=clients.aws_client("stepfunctions"),
        clock=utc_now,
    )
