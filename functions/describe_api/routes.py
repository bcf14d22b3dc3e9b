"""The routes about all models: which there are, whether they are ready, and the documentation.

A server that serves one model has them too, and overrides what they depend on: the definitions, the
production pointers and the version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from starlette.exceptions import HTTPException

from evergreen.errors import PointerError, UnknownModelError
from evergreen.model_definition import ModelDefinition, load_definitions
from evergreen.production import Pointers, ProductionPointer
from functions.describe_api.page import PAGE_PARTS, docs_page, docs_part
from functions.describe_api.settings import settings
from functions.shared import clients
from functions.shared.api import answer
from functions.shared.openapi import Server, describe

SERVICE = "evergreen"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

router = APIRouter()
unknown_router = APIRouter()
"""The routes of models that a deployment does not have, which come after all others."""


@dataclass(frozen=True)
class Catalogue:
    """The models that the routes speak of."""

    definitions: Mapping[str, ModelDefinition]
    open_pointers: Callable[[], Pointers]
    """Makes the client that reads them; the documentation does without."""
    version: str
    """The version of Evergreen."""
    server: Server = "deployment"

    @cached_property
    def pointers(self) -> Pointers:
        """The production pointers."""
        return self.open_pointers()

    @cached_property
    def document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return describe(self.definitions, self.version, self.server)


async def catalogue() -> Catalogue:
    """Return the models of the deployment."""
    return _deployed()


About = Annotated[Catalogue, Depends(catalogue)]


@router.get("/ping")
async def ping() -> Response:
    """Return that the API answers."""
    return answer({"status": "ok"})


@router.get("/models")
async def list_models(about: About) -> Response:
    """Return the models of this deployment with their versions in production."""
    return answer(
        {
            "models": [
                {
                    "name": name,
                    "task": definition.task,
                    "target": definition.target,
                    "metric": definition.metric,
                    "production": _in_production(about.pointers.read_last_valid(name)),
                }
                for name, definition in about.definitions.items()
            ]
        }
    )


@router.get("/v1/models")
async def list_kserve_models(about: About) -> Response:
    """Return the names of the models, as KServe's V1 protocol does."""
    return answer({"models": list(about.definitions)})


@router.get("/v1/models/{model}")
async def check_kserve_ready(model: str, about: About) -> Response:
    """Return whether the model can predict now; 503 if it cannot."""
    if model.removesuffix(":predict") in about.definitions and model.endswith(":predict"):
        raise HTTPException(405, headers={"allow": "POST"})
    if model not in about.definitions:
        raise _unknown(model, about)
    ready = _serves(about.pointers, model)
    return answer({"name": model, "ready": ready}, 200 if ready else 503)


@router.get("/api/2.0/endpoints/")
async def list_endpoints(about: About) -> Response:
    """Return the models as endpoints, as the gateway of MLflow's deployments does."""
    return answer({"endpoints": [_endpoint(name) for name in about.definitions]})


@router.get("/api/2.0/endpoints/{model}")
async def describe_endpoint(model: str, about: About) -> Response:
    """Return one model as an endpoint of MLflow's deployments."""
    if model not in about.definitions:
        raise _unknown(model, about)
    return answer(_endpoint(model))


@router.get("/v2")
async def describe_server(about: About) -> Response:
    """Return the server's name and version for the Open Inference Protocol."""
    return answer({"name": SERVICE, "version": about.version, "extensions": ["binary_tensor_data"]})


@router.get("/v2/health/live")
async def check_live() -> Response:
    """Return that the server runs."""
    return answer({"live": True})


@router.get("/v2/health/ready")
async def check_all_ready(about: About) -> Response:
    """Return whether every model has a version in production; 400 if one has none.

    The Open Inference Protocol asks for a 4xx.
    """
    missing = [name for name in about.definitions if not _serves(about.pointers, name)]
    return answer({"ready": not missing, "not_ready": missing}, 400 if missing else 200)


@router.get("/openapi.json")
async def openapi(about: About) -> Response:
    """Return the OpenAPI document of the whole API."""
    return answer(about.document)


@router.get("/docs")
async def docs() -> Response:
    """Return the documentation of the whole API as a page."""
    html, headers = docs_page()
    return Response(html, media_type="text/html", headers=headers)


@router.get("/docs/{part}")
async def docs_file(part: str) -> Response:
    """Return a file of the page of documentation."""
    if part not in PAGE_PARTS:
        raise HTTPException(404)
    kept = {"cache-control": "public, max-age=86400"}
    return Response(docs_part(part), media_type=PAGE_PARTS[part], headers=kept)


@unknown_router.api_route("/v1/models/{model}:predict", methods=_METHODS)
@unknown_router.api_route("/endpoints/{model}/{rest:path}", methods=_METHODS)
@unknown_router.api_route("/models/{model}", methods=_METHODS)
@unknown_router.api_route("/models/{model}/{rest:path}", methods=_METHODS)
@unknown_router.api_route("/v2/models/{model}", methods=_METHODS)
@unknown_router.api_route("/v2/models/{model}/{rest:path}", methods=_METHODS)
async def refuse_unknown_model(model: str, about: About) -> Response:
    """Answer a request for an unknown model with the known models."""
    if model in about.definitions:  # the model's own function answers every existing route
        raise HTTPException(404)
    raise _unknown(model, about)


@cache
def _deployed() -> Catalogue:
    own = settings()
    return Catalogue(
        load_definitions(own.models), lambda: clients.production(own.stage), own.version
    )


def _endpoint(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "endpoint_type": "predictions",
        "model": {"name": name, "provider": SERVICE},
        "endpoint_url": f"/endpoints/{name}/invocations",
        "limit": None,
    }


def _unknown(model: str, about: Catalogue) -> UnknownModelError:
    known = ", ".join(about.definitions) or "none"
    return UnknownModelError(f"no model is called {model!r}", fix=f"Known models: {known}.")


def _serves(production: Pointers, name: str) -> bool:
    """Return whether a new copy of the model's function would find a version to serve."""
    try:
        return production.read(name) is not None
    except PointerError:
        return False


def _in_production(pointer: ProductionPointer | None) -> dict[str, Any] | None:
    if pointer is None:
        return None
    return pointer.model_dump(include={"version", "promoted_at", "metric", "previous"})
