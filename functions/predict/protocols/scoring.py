"""The scoring routes of MLflow's and SageMaker's servers, for their clients.

MLflow: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/ (JSON and CSV, with a
header). SageMaker: https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html (CSV without
a header, JSON Lines, and the ``Accept`` header).
"""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request, Response

from evergreen.serving.bodies import CSV_TYPE, JSON_LINES_TYPE, JSON_TYPE, chosen, media_type
from evergreen.serving.request_options import read_id
from evergreen.serving.requests import PredictionRequest, RequestReader
from evergreen.serving.responses import (
    custom_attributes,
    prediction_body,
    prediction_csv,
    prediction_lines,
)
from functions.predict.intake import find_service, ignores_others, predict_rows
from functions.predict.settings import settings
from functions.shared.api import PlainRoute, answer

_FORMS = (JSON_TYPE, CSV_TYPE, JSON_LINES_TYPE)
_INFERENCE_ID = "x-amzn-sagemaker-inference-id"
_VARIANT = "x-amzn-invoked-production-variant"
_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"

router = APIRouter(route_class=PlainRoute)


@router.post("/models/{model}/invocations")
@router.post("/endpoints/{model}/invocations")
async def invoke(model: str, request: Request) -> Response:
    """Predict rows in JSON, CSV or JSON Lines, and answer in the form that the caller accepts."""
    serving = find_service(model)
    given, parameters = media_type(request.headers.get("content-type"), _FORMS)
    wanted, verbose = chosen(request.headers.get("accept"), _FORMS)
    ignore_others = ignores_others(serving, request)
    header = {"present": True, "absent": False}.get(parameters.get("header", ""))

    def read(reader: RequestReader, body: bytes) -> PredictionRequest:
        if given == CSV_TYPE:
            parsed = reader.read_csv(body, header=header, ignore_others=ignore_others)
        elif given == JSON_LINES_TYPE:
            parsed = reader.read_json_lines(body, ignore_others=ignore_others)
        else:
            parsed = reader.read(body, nan=True, ignore_others=ignore_others)
        caller_id = read_id(request.headers.get(_INFERENCE_ID))
        return replace(parsed, id=caller_id or parsed.id, probabilities=verbose)

    parsed, answered = await predict_rows(serving, request, read)
    if wanted == CSV_TYPE:
        response = Response(prediction_csv(answered, verbose=verbose), media_type=CSV_TYPE)
    elif wanted == JSON_LINES_TYPE:
        response = Response(prediction_lines(answered), media_type=JSON_LINES_TYPE)
    else:
        response = answer(prediction_body(parsed, answered))
    response.headers[_VARIANT] = f"version-{answered.model_version}"
    response.headers[_ATTRIBUTES] = custom_attributes(answered)
    return response


@router.get("/models/{model}/ping")
@router.get("/models/{model}/health")
async def ping_model(model: str) -> Response:
    """Return that the model can predict now; 503 if it cannot."""
    find_service(model).server.champion()
    return answer({"status": "ok"})


@router.get("/models/{model}/version")
async def version(model: str) -> Response:
    """Return the version of the server, as plain text."""
    find_service(model)
    return Response(settings().version, media_type="text/plain")
