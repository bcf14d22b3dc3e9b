"""Response bodies, in the protocol of the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.model_definition import ModelDefinition
    from evergreen.serving.champion import Champion
    from evergreen.serving.requests import PredictionRequest
    from evergreen.serving.server import Answer

_DATATYPES = {"float": "FP32", "integer": "INT64", "boolean": "BOOL", "category": "BYTES"}
_LABEL_DATATYPES = {"string": "BYTES", "integer": "INT64", "boolean": "BOOL"}


def prediction_body(request: PredictionRequest, answer: Answer) -> dict[str, Any]:
    """Return Evergreen's own response; MLflow's clients can read its ``predictions``."""
    named = {} if request.id is None else {"id": request.id}
    return {
        **named,
        "request_id": answer.request_id,
        "model_version": answer.model_version,
        "predictions": answer.predictions.outputs,
        "confidences": answer.predictions.confidences,
    }


def open_inference_body(request: PredictionRequest, answer: Answer) -> dict[str, Any]:
    """Return an inference response of the Open Inference Protocol."""
    data: Mapping[str, Any] = {
        "predictions": answer.predictions.outputs,
        "confidences": answer.predictions.confidences,
    }
    wanted = request.outputs or tuple(data)
    outputs = [
        {**tensor, "shape": [request.size], "data": data[tensor["name"]]}
        for tensor in _outputs(answer.champion)
        if tensor["name"] in wanted
    ]
    return {
        "id": answer.request_id if request.id is None else request.id,
        "model_name": answer.champion.definition.name,
        "model_version": answer.model_version,
        "parameters": {"request_id": answer.request_id},
        "outputs": outputs,
    }


def open_inference_metadata(champion: Champion) -> dict[str, Any]:
    """Return a model's metadata of the Open Inference Protocol."""
    definition = champion.definition
    return {
        "name": definition.name,
        "versions": [champion.pointer.version],
        "platform": "onnx_onnxv1",
        "inputs": [
            {"name": name, "datatype": _DATATYPES[feature.type], "shape": [-1, 1]}
            for name, feature in definition.features.items()
        ],
        "outputs": [{**tensor, "shape": [-1]} for tensor in _outputs(champion)],
    }


def model_body(definition: ModelDefinition, champion: Champion | None) -> dict[str, Any]:
    """Return the description of a model that a caller needs before a call.

    That is what the loaded bundle takes, or what ``model.toml`` says while nothing serves.
    """
    if champion is not None:
        definition = champion.definition
    pointer = None if champion is None else champion.pointer
    return {
        "name": definition.name,
        "task": definition.task,
        "target": definition.target,
        "features": {
            name: feature.model_dump(exclude_none=True)
            for name, feature in definition.features.items()
        },
        "metric": definition.metric,
        "production": None
        if pointer is None
        else {
            "version": pointer.version,
            "metric": pointer.metric,
            "promoted_at": pointer.promoted_at,
            "reference_dataset_id": pointer.reference_dataset_id,
        },
    }


def _outputs(champion: Champion) -> list[dict[str, Any]]:
    signature = champion.predictor.signature
    classification = signature.task == "classification"
    datatype = _LABEL_DATATYPES[signature.class_type] if classification else "FP64"
    tensors = [{"name": "predictions", "datatype": datatype}]
    if signature.probabilities:
        tensors.append({"name": "confidences", "datatype": "FP64"})
    return tensors
