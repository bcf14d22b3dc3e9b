"""The routes of the status page: the page, the state of all models, and the details of one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from evergreen.aws import sign_download
from evergreen.clock import utc_now
from evergreen.errors import FieldError, RequestError, UnknownModelError
from evergreen.metrics.history import SPANS
from evergreen.model_definition import load_definitions
from evergreen.reporting.details import DetailsReader
from evergreen.reporting.links import Links
from evergreen.reporting.newest_requests import NEWEST_REQUESTS, newest_requests
from evergreen.reporting.status import StatusReader
from functions.describe_api.settings import settings
from functions.describe_api.status_page import status_page
from functions.shared import clients
from functions.shared.api import answer

if TYPE_CHECKING:
    from evergreen.metrics.history import Span

REPORT_LINK_SECONDS = 3600
"""How long a link to a report can be opened. The page asks for new ones every half minute."""

status_router = APIRouter()


@status_router.get("/")
async def index() -> Response:
    """Return the status page; it asks for the API key and reads ``/status``."""
    page = status_page()
    return Response(page.html, media_type="text/html", headers=dict(page.headers))


@status_router.get("/status")
async def report_status(span: str = "1h") -> Response:
    """Return the state of each model, with its traffic over one of the spans."""
    return answer(_reader().read(_span(span)).model_dump(mode="json"))


@status_router.get("/status/{model}")
async def report_details(model: str, span: str = "1h") -> Response:
    """Return what is shown of one model beyond its state, with metrics over one of the spans."""
    chosen = _span(span)
    _known(model)
    return answer(_details().read(model, chosen).model_dump(mode="json"))


@status_router.get("/status/{model}/requests")
async def report_requests(model: str, limit: str = str(NEWEST_REQUESTS)) -> Response:
    """Return the newest rows of the request log, unless the deployment shows none."""
    most = _limit(limit)
    _known(model)
    if not settings().requests_shown:
        raise HTTPException(403, "this deployment shows no rows of the request log")
    rows = newest_requests(clients.storage(settings().bucket), model, utc_now())
    return answer({"requests": [row.model_dump(mode="json") for row in rows[:most]]})


def _span(name: str) -> Span:
    if name not in SPANS:
        raise RequestError(
            422,
            f"there is no span {name!r}",
            (FieldError("span", f"must be one of {', '.join(SPANS)}"),),
        )
    return SPANS[name]


def _limit(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= NEWEST_REQUESTS:
        return int(text[:9])
    raise RequestError(
        422,
        f"{text!r} is no number of rows",
        (FieldError("limit", f"must be a whole number from 1 to {NEWEST_REQUESTS}"),),
    )


def _known(model: str) -> None:
    known = _reader().definitions
    if model not in known:
        names = ", ".join(known) or "none"
        raise UnknownModelError(f"no model is called {model!r}", fix=f"Known models: {names}.")


@cache
def _details() -> DetailsReader:
    stepfunctions = clients.aws_client("stepfunctions").meta
    on_aws = ".amazonaws.com" in stepfunctions.endpoint_url
    return DetailsReader(
        definitions=_reader().definitions,
        storage=clients.storage(settings().bucket),
        cloudwatch=clients.aws_client("cloudwatch"),
        links=Links(
            sign=_sign,
            bucket=settings().bucket,
            mlflow=settings().mlflow,
            region=stepfunctions.region_name if on_aws else None,
        ),
        clock=utc_now,
        rows_shown=settings().requests_shown,
    )


def _sign(key: str) -> str:
    page = "text/html; charset=utf-8"
    return sign_download(settings().bucket, key, seconds=REPORT_LINK_SECONDS, content_type=page)


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
