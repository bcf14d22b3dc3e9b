"""KServe's V1 protocol, which TensorFlow Serving's clients speak too.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from evergreen.serving.bodies import JSON_TYPE, media_type
from evergreen.serving.requests import PredictionRequest, RequestReader
from evergreen.serving.responses import prediction_body
from functions.predict.intake import find_service, ignores_others, predict_rows
from functions.shared.api import PlainRoute, answer

router = APIRouter(route_class=PlainRoute)


@router.post("/v1/models/{model}:predict")
async def predict_kserve(model: str, request: Request) -> Response:
    """Predict the rows of ``instances``."""
    serving = find_service(model)
    media_type(request.headers.get("content-type"), (JSON_TYPE,))
    ignore_others = ignores_others(serving, request)

    def read(reader: RequestReader, body: bytes) -> PredictionRequest:
        return reader.read(body, nan=True, ignore_others=ignore_others)

    parsed, answered = await predict_rows(serving, request, read)
    return answer(prediction_body(parsed, answered))
