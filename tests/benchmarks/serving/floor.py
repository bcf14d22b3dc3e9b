"""The floor: the least that an answer with a logged row costs in the same framework.

Mangum and Starlette, the same ONNX session, msgspec for the body, the log lines and the answer, and
one PutRecordBatch of botocore with the lines joined. It validates nothing and has no metrics.
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import botocore.session
import msgspec
import numpy as np
from mangum import Mangum
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnxruntime
    from starlette.requests import Request

    from tests.benchmarks.serving.stub import StubbedAws


def create_floor(
    session: onnxruntime.InferenceSession,
    aws: StubbedAws,
    numbers: list[str],
    categories: list[str],
    *,
    log: bool = True,
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return a handler of API Gateway's events.

    Parameters
    ----------
    session
        The model. It is the very one that Evergreen runs: copies would take turns to push each
        other out of the processor's cache.
    aws
        What answers Firehose's client.
    numbers, categories
        Names of the features; these are also the names of the model's inputs.
    log
        Whether the rows are logged.
    """
    outputs = [node.name for node in session.get_outputs()]
    firehose: Any = botocore.session.get_session().create_client("firehose")
    aws.attach(firehose)
    encoder, decoder = msgspec.json.Encoder(), msgspec.json.Decoder()

    async def predict(request: Request) -> Response:
        rows = decoder.decode(await request.body())["instances"]
        feed = {
            name: np.array([row[name] for row in rows], dtype=np.float32).reshape(-1, 1)
            for name in numbers
        } | {
            name: np.array([row[name] for row in rows], dtype=object).reshape(-1, 1)
            for name in categories
        }
        labels, scores = session.run(outputs[:2], feed)
        predictions, confidences = labels.tolist(), scores.max(axis=1).tolist()
        request_id = str(uuid.uuid4())
        if log:
            lines = _lines(encoder, rows, predictions, confidences, request_id, request)
            firehose.put_record_batch(DeliveryStreamName="requests", Records=[{"Data": lines}])
        answer = {
            "request_id": request_id,
            "model_version": "1",
            "predictions": predictions,
            "confidences": confidences,
        }
        return Response(encoder.encode(answer), media_type="application/json")

    app = Starlette(routes=[Route("/models/{model}/predict", predict, methods=["POST"])])
    asyncio.set_event_loop(asyncio.new_event_loop())
    mangum: Any = Mangum(app, lifespan="off")

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        answered: dict[str, Any] = mangum(event, context)
        return answered

    return handler


def _lines(
    encoder: msgspec.json.Encoder,
    rows: list[dict[str, Any]],
    predictions: list[Any],
    confidences: list[float],
    request_id: str,
    request: Request,
) -> bytes:
    timestamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    metadata = {
        "source_ip": request.client.host if request.client else None,
        "user_agent": request.headers.get("user-agent"),
        "batch_size": len(rows),
        "role": "champion",
        "inference_ms": 0.1,
        "schema_version": 1,
    }
    return encoder.encode_lines(
        [
            {
                "timestamp": timestamp,
                "request_id": request_id,
                "row": number,
                "model": "measured",
                "model_version": "1",
                "task_type": "classification",
                "input_data": row,
                "model_output": prediction,
                "confidence": confidence,
                "metadata": metadata,
            }
            for number, (row, prediction, confidence) in enumerate(
                zip(rows, predictions, confidences, strict=True)
            )
        ]
    )
