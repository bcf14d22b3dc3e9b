"""The Open Inference Protocol (KServe's V2), for its clients and Triton's.

https://github.com/kserve/open-inference-protocol, with its extension of binary tensors.
"""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from evergreen.errors import (
    BundleError,
    NoProductionModelError,
    PointerError,
    RequestError,
    UnknownModelError,
)
from evergreen.serving.binary_tensors import HEADER
from evergreen.serving.bodies import BINARY_TYPE, JSON_TYPE, media_type
from evergreen.serving.requests import PredictionRequest, RequestReader
from evergreen.serving.responses import open_inference_body, open_inference_metadata
from functions.predict.intake import find_service, ignores_others, predict_rows
from functions.predict.service import Service
from functions.shared.api import PlainRoute, answer

_MODEL = "/v2/models/{model}"
_VERSION = f"{_MODEL}/versions/{{version}}"

router = APIRouter(route_class=PlainRoute)


@router.post(f"{_MODEL}/infer")
@router.post(f"{_VERSION}/infer")
async def infer(model: str, request: Request, version: str | None = None) -> Response:
    """Predict rows; tensors are JSON, or raw bytes behind the JSON."""
    serving = find_service(model)
    media_type(request.headers.get("content-type"), (JSON_TYPE, BINARY_TYPE))
    header_length, ignore_others = request.headers.get(HEADER), ignores_others(serving, request)

    def read(reader: RequestReader, body: bytes) -> PredictionRequest:
        return reader.read_open_inference(
            body, header_length=header_length, ignore_others=ignore_others
        )

    if version is not None:
        _require(serving, version)
    parsed, answered = await predict_rows(serving, request, read)
    if not _takes_binary(request):
        parsed = replace(parsed, binary=frozenset())
    body, raw = open_inference_body(parsed, answered)
    if not raw:
        return answer(body)
    head = to_json(body)
    return Response(head + b"".join(raw), media_type=BINARY_TYPE, headers={HEADER: str(len(head))})


@router.get(_MODEL)
@router.get(_VERSION)
async def describe_tensors(model: str, version: str | None = None) -> Response:
    """Return the model's metadata."""
    serving = find_service(model)
    if version is not None:
        _require(serving, version)
    return answer(open_inference_metadata(serving.server.champion()))


@router.get(f"{_MODEL}/ready")
@router.get(f"{_VERSION}/ready")
async def check_ready(model: str, version: str | None = None) -> Response:
    """Return whether the model can predict now; 400 if it cannot, as the protocol asks for 4xx."""
    serving = find_service(model)
    try:
        serving.server.champion()
    except (NoProductionModelError, PointerError, BundleError) as error:
        raise RequestError(400, f"not ready: {error}") from error
    if version is not None:
        _require(serving, version)
    return answer({"name": serving.definition.name, "ready": True})


def _takes_binary(request: Request) -> bool:
    """Return whether raw bytes reach the caller; clients take JSON in their place.

    API Gateway decodes an answer of bytes only if the first type of ``Accept`` is a binary one:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings-workflow.html
    """
    if "aws.event" not in request.scope:  # no gateway in between
        return True
    first = request.headers.get("accept", "").split(",")[0].split(";")[0]
    return first.strip().lower() == BINARY_TYPE


def _require(serving: Service, version: str) -> None:
    """Refuse every version but that in production: no other is loaded."""
    production = serving.server.champion().pointer.version
    if version != production:
        raise UnknownModelError(
            f"version {version} of {serving.definition.name} does not serve",
            fix=f"Version {production} does.",
        )
