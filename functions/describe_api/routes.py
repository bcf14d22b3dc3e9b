"""The routes about the whole deployment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from evergreen.clock import utc_now
from evergreen.errors import FieldError, PointerError, RequestError, UnknownModelError
from evergreen.metrics.history import SPANS
from evergreen.model_definition import ModelDefinition, load_definitions
from evergreen.production import Production, ProductionPointer
from evergreen.reporting.status import StatusReader
from functions.describe_api.page import render_api_page
from functions.describe_api.settings import settings
from functions.describe_api.status_page import status_page
from functions.shared import clients
from functions.shared.api import answer
from functions.shared.openapi import describe

SERVICE = "evergreen"
_PAGE_POLICY = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

router = APIRouter()


@router.get("/")
async def index() -> Response:
    """Return the status page; it asks for the API key and reads ``/status``."""
    page = status_page()
    return Response(page.html, media_type="text/html", headers=dict(page.headers))


@router.get("/status")
async def report_status(span: str = "1h") -> Response:
    """Return the state of each model, with its metrics over one of the spans."""
    if span not in SPANS:
        raise RequestError(
            422,
            f"there is no span {span!r}",
            (FieldError("span", f"must be one of {', '.join(SPANS)}"),),
        )
    return answer(_reader().read(SPANS[span]).model_dump(mode="json"))


@router.get("/ping")
async def ping() -> Response:
    """Return that the API answers."""
    return answer({"status": "ok"})


@router.get("/models")
async def list_models() -> Response:
    """Return the models of this deployment with their versions in production."""
    production = _production()
    return answer(
        {
            "models": [
                {
                    "name": name,
                    "task": definition.task,
                    "target": definition.target,
                    "metric": definition.metric,
                    "production": _in_production(production.read_last_valid(name)),
                }
                for name, definition in _definitions().items()
            ]
        }
    )


@router.get("/v1/models")
async def list_kserve_models() -> Response:
    """Return the names of the models, as KServe's V1 protocol does."""
    return answer({"models": list(_definitions())})


@router.get("/v1/models/{model}")
async def check_kserve_ready(model: str) -> Response:
    """Return whether the model can predict now; 503 if it cannot."""
    if model not in _definitions():
        raise _unknown(model)
    ready = _serves(_production(), model)
    return answer({"name": model, "ready": ready}, 200 if ready else 503)


@router.get("/v2")
async def describe_server() -> Response:
    """Return the server's name and version for the Open Inference Protocol."""
    return answer(
        {"name": SERVICE, "version": settings().version, "extensions": ["binary_tensor_data"]}
    )


@router.get("/v2/health/live")
async def check_live() -> Response:
    """Return that the server runs."""
    return answer({"live": True})


@router.get("/v2/health/ready")
async def check_all_ready() -> Response:
    """Return whether every model has a version in production; 400 if one has none.

    The Open Inference Protocol asks for a 4xx.
    """
    production = _production()
    missing = [name for name in _definitions() if not _serves(production, name)]
    return answer({"ready": not missing, "not_ready": missing}, 400 if missing else 200)


@router.get("/openapi.json")
async def openapi() -> Response:
    """Return the OpenAPI document of the whole API."""
    return answer(_document())


@router.get("/docs")
async def docs() -> Response:
    """Return the documentation of the whole API as a page."""
    return Response(render_api_page(_document()), media_type="text/html", headers=_PAGE_POLICY)


@router.api_route("/v1/models/{model}:predict", methods=_METHODS)
@router.api_route("/endpoints/{model}/{rest:path}", methods=_METHODS)
@router.api_route("/models/{model}", methods=_METHODS)
@router.api_route("/models/{model}/{rest:path}", methods=_METHODS)
@router.api_route("/v2/models/{model}", methods=_METHODS)
@router.api_route("/v2/models/{model}/{rest:path}", methods=_METHODS)
async def refuse_unknown_model(model: str) -> Response:
    """Answer a request for an unknown model with the known models."""
    definitions = _definitions()
    if model in definitions:  # the model's own function answers every existing route
        raise HTTPException(404)
    raise _unknown(model)


def _unknown(model: str) -> UnknownModelError:
    return UnknownModelError(
        f"no model is called {model!r}", fix=f"Known models: {', '.join(_definitions()) or 'none'}."
    )


@cache
def _definitions() -> Mapping[str, ModelDefinition]:
    return load_definitions(settings().models)


@cache
def _document() -> dict[str, Any]:
    return describe(_definitions(), settings().version)


def _production() -> Production:
    return clients.production(settings().stage)


@cache
def _reader() -> StatusReader:
    return StatusReader(
        stage=settings().stage,
        definitions=_definitions(),
        production=_production(),
        storage=clients.storage(settings().bucket),
        cloudwatch=clients.aws_client("cloudwatch"),
        clock=utc_now,
    )


def _serves(production: Production, name: str) -> bool:
    """Return whether a new copy of the model's function would find a version to serve."""
    try:
        return production.read(name) is not None
    except PointerError:
        return False


def _in_production(pointer: ProductionPointer | None) -> dict[str, Any] | None:
    if pointer is None:
        return None
    return pointer.model_dump(include={"version", "promoted_at", "metric", "previous"})
