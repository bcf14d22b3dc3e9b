"""The routes of one model.

Bodies are parsed from bytes without FastAPI, because one object per value is too slow for thousands
of rows. Every endpoint is ``async``. Otherwise FastAPI would run it in a thread pool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from evergreen.capture.ground_truth import label_records, parse_labels
from evergreen.capture.lines import to_lines
from evergreen.clock import utc_now
from evergreen.errors import (
    BundleError,
    NoProductionModelError,
    PointerError,
    RequestError,
    UnknownModelError,
)
from evergreen.metrics.catalog import Metric
from evergreen.serving.champion import Champion
from evergreen.serving.requests import PredictionRequest, RequestReader, read_json
from evergreen.serving.responses import (
    model_body,
    open_inference_body,
    open_inference_metadata,
    prediction_body,
)
from functions.predict.service import Service, recorder, service
from functions.shared.api import answer

MAX_USER_AGENT = 256

router = APIRouter()


@router.post("/models/{model}/predict")
@router.post("/models/{model}/invocations")
async def predict(model: str, request: Request) -> Response:
    """Predict rows in any of the body forms."""
    serving = _serving(model)
    champion, parsed = _accept(serving, await request.body(), RequestReader.read)
    answered = serving.predictions.predict(champion, parsed, _caller(request))
    return answer(prediction_body(parsed, answered))


@router.post("/v2/models/{model}/infer")
async def infer(model: str, request: Request) -> Response:
    """Predict rows in the Open Inference Protocol."""
    serving = _serving(model)
    champion, parsed = _accept(serving, await request.body(), RequestReader.read_open_inference)
    answered = serving.predictions.predict(champion, parsed, _caller(request))
    return answer(open_inference_body(parsed, answered))


@router.post("/models/{model}/ground-truth")
async def take_ground_truth(model: str, request: Request) -> Response:
    """Accept labels of earlier predictions; they are stored before the answer."""
    serving = _serving(model)
    body = await request.body()
    read_json(body)  # checks the limits of size and depth, and that the body is JSON
    champion = _champion(serving)
    records = label_records(
        parse_labels(body),
        definition=champion.definition if champion else serving.definition,
        timestamp=utc_now(),
        signature=champion.predictor.signature if champion else None,
    )
    report = serving.label_log.deliver(to_lines(records))
    if report.spilled:
        recorder().record(Metric.LOG_SPILLS, report.spilled)
    return answer({"accepted": report.delivered}, 202)


@router.get("/models/{model}")
async def describe_model(model: str) -> Response:
    """Return the model's features and its version in production."""
    serving = _serving(model)
    try:
        champion = serving.server.champion()
    except NoProductionModelError:
        champion = None
    return answer(model_body(serving.definition, champion))


@router.get("/v2/models/{model}")
async def describe_open_inference(model: str) -> Response:
    """Return the model's metadata in the Open Inference Protocol."""
    serving = _serving(model)
    return answer(open_inference_metadata(serving.server.champion()))


@router.get("/v2/models/{model}/ready")
async def check_ready(model: str) -> Response:
    """Return whether the model can predict now; 503 if it cannot."""
    serving = _serving(model)
    serving.server.champion()
    return answer({"name": serving.definition.name, "ready": True})


def _serving(model: str) -> Service:
    serving = service()
    if model != serving.definition.name:
        raise UnknownModelError(f"no model is called {model!r} here", fix="GET /models lists them.")
    return serving


def _champion(serving: Service) -> Champion | None:
    """Return the champion if it loads; labels are accepted without it too."""
    try:
        return serving.server.champion()
    except (NoProductionModelError, PointerError, BundleError):
        return None


def _accept(
    serving: Service, body: bytes, read: Callable[[RequestReader, bytes], PredictionRequest]
) -> tuple[Champion, PredictionRequest]:
    """Return the champion and what it is to predict; tell a fault of the request before ours."""
    try:
        try:
            champion = serving.server.champion()
        except NoProductionModelError:
            read(RequestReader(serving.definition), body)
            raise
        except (PointerError, BundleError):
            read_json(body)  # which features the champion takes is not known
            raise
        return champion, read(champion.reader, body)
    except RequestError as error:
        recorder().record(Metric.INVALID_VALUES, max(1, len(error.fields)))
        raise


def _caller(request: Request) -> dict[str, Any]:
    agent = request.headers.get("user-agent")
    return {
        "source_ip": request.client.host if request.client else None,
        "user_agent": agent[:MAX_USER_AGENT] if agent else None,
    }
