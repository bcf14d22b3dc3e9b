"""Evergreen's own routes: predictions, ground truth, and what the model is."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from evergreen.capture.ground_truth import label_records, parse_labels
from evergreen.capture.lines import to_lines
from evergreen.clock import utc_now
from evergreen.errors import NoProductionModelError
from evergreen.metrics.catalog import Metric
from evergreen.serving.bodies import JSON_TYPE, media_type, read_json
from evergreen.serving.requests import PredictionRequest, RequestReader
from evergreen.serving.responses import model_body, prediction_body
from functions.predict.intake import (
    champion_or_none,
    find_service,
    ignores_others,
    predict_rows,
    unpacked_body,
)
from functions.predict.keys import require_key
from functions.predict.service import recorder
from functions.shared.api import PlainRoute, answer

router = APIRouter(route_class=PlainRoute)


@router.post("/models/{model}/predict")
async def predict(model: str, request: Request) -> Response:
    """Predict rows in any of the JSON forms."""
    serving = find_service(model)
    media_type(request.headers.get("content-type"), (JSON_TYPE,))
    ignore_others = ignores_others(serving, request)

    def read(reader: RequestReader, body: bytes) -> PredictionRequest:
        return reader.read(body, ignore_others=ignore_others)

    parsed, answered = await predict_rows(serving, request, read)
    return answer(prediction_body(parsed, answered))


@router.post("/models/{model}/ground-truth")
async def take_ground_truth(model: str, request: Request) -> Response:
    """Accept labels of earlier predictions; they are stored before the answer."""
    serving = find_service(model)
    require_key(request, ground_truth=True)
    media_type(request.headers.get("content-type"), (JSON_TYPE,))
    body = await unpacked_body(request)
    read_json(body)  # checks the limits of size and depth, and that the body is JSON
    champion = champion_or_none(serving)
    records = label_records(
        parse_labels(body),
        definition=champion.definition if champion else serving.definition,
        timestamp=utc_now(),
        signature=champion.predictor.signature if champion else None,
    )
    if spilled := serving.label_log.deliver(to_lines(records)):
        recorder().record(Metric.LOG_SPILLS, spilled)
    return answer({"accepted": len(records)}, 202)


@router.get("/models/{model}")
async def describe_model(model: str) -> Response:
    """Return the model's features and its version in production."""
    serving = find_service(model)
    try:
        champion = serving.server.champion()
    except NoProductionModelError:
        champion = None
    return answer(model_body(serving.definition, champion))
