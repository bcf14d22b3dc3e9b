"""Response bodies, in the protocol of the request."""

from __future__ import annotations

import csv
import io
import json
from itertools import chain
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from evergreen.serving.binary_tensors import to_binary
from evergreen.serving.request_options import INFERENCE_OUTPUTS

if TYPE_CHECKING:
    from evergreen.model_definition import ModelDefinition
    from evergreen.serving.champion import Champion
    from evergreen.serving.requests import PredictionRequest
    from evergreen.serving.server import Answer

_DATATYPES = {
    "float": "FP32",
    "integer": "INT64",
    "boolean": "BOOL",
    "category": "BYTES",
    "text": "BYTES",
    "timestamp": "BYTES",
}
_ROWS_OF_NUMBERS = ("probabilities", "intervals")
_USUAL_OUTPUTS = tuple(name for name in INFERENCE_OUTPUTS if name != "probabilities")
_MOST_ATTRIBUTES = 1024
_LABEL_DATATYPES = {"string": "BYTES", "integer": "INT64", "boolean": "BOOL"}


def prediction_body(request: PredictionRequest, answer: Answer) -> dict[str, Any]:
    """Return Evergreen's own response; MLflow's clients can read its ``predictions``."""
    named = {} if request.id is None else {"id": request.id}
    more: dict[str, Any] = {}
    if request.probabilities:
        more = {"classes": _classes(answer), "probabilities": answer.probabilities}
    if answer.intervals:
        more["intervals"] = answer.intervals
    if answer.warnings:
        more["warnings"] = answer.warnings
    return {
        **named,
        "request_id": answer.request_id,
        "model_version": answer.model_version,
        "predictions": answer.predictions.outputs,
        "confidences": answer.predictions.confidences,
        **more,
    }


def prediction_csv(answer: Answer, *, verbose: bool = False) -> str:
    """Return one line for each row, without a header, as SageMaker's containers do.

    A line is the prediction, because clients read a line as one number or label. The probabilities
    of all classes follow it if they were asked for.

    Parameters
    ----------
    verbose
        Whether the ends of the prediction interval follow it too, where the version has one.
    """
    columns: list[list[Any]] = [[each] for each in answer.predictions.outputs]
    ends = answer.intervals if verbose else None
    for more in (answer.probabilities, ends):
        if more:
            columns = [[*row, *part] for row, part in zip(columns, more, strict=True)]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(columns)
    return text.getvalue()


def prediction_lines(answer: Answer) -> bytes:
    """Return one JSON object a line: a row's prediction, its confidence, and what was asked for."""
    parts: dict[str, Any] = {
        "prediction": answer.predictions.outputs,
        "confidence": answer.predictions.confidences,
        "probabilities": answer.probabilities,
        "interval": answer.intervals,
    }
    given = {name: values for name, values in parts.items() if values is not None}
    rows = zip(*given.values(), strict=True)
    return b"".join(to_json(dict(zip(given, row, strict=True))) + b"\n" for row in rows)


def custom_attributes(answer: Answer) -> str:
    """Return what the lines of an answer have no place for, as JSON for a header.

    SageMaker's runtime gives a caller the header as ``CustomAttributes``: at most 1,024 visible
    ASCII characters. Of the warnings it has as many as fit.
    """
    warnings = list(answer.warnings)
    while True:
        more = {"warnings": warnings} if warnings else {}
        text = json.dumps({"request_id": answer.request_id, **more}).replace("\x7f", "\\u007f")
        if len(text) <= _MOST_ATTRIBUTES or not warnings:
            return text
        warnings.pop()


def open_inference_body(
    request: PredictionRequest, answer: Answer
) -> tuple[dict[str, Any], list[bytes]]:
    """Return an inference response of the Open Inference Protocol.

    Returns
    -------
        The body, and the raw values of the outputs that the caller wants in binary; they follow
        the body.
    """
    values: dict[str, Any] = {
        "predictions": answer.predictions.outputs,
        "confidences": answer.predictions.confidences,
        "probabilities": answer.probabilities,
        "intervals": answer.intervals,
    }
    default = INFERENCE_OUTPUTS if request.probabilities else _USUAL_OUTPUTS
    wanted = request.outputs or default
    outputs, raw = [], []
    for tensor in _outputs(answer.champion):
        name, datatype = tensor["name"], tensor["datatype"]
        if name not in wanted or values[name] is None:
            continue
        row_shape = [len(values[name][0])] if name in _ROWS_OF_NUMBERS else []
        output = {**tensor, "shape": [request.size, *row_shape]}
        flat = list(chain(*values[name])) if row_shape else values[name]
        if name in request.binary:
            raw.append(to_binary(flat, datatype))
            outputs.append({**output, "parameters": {"binary_data_size": len(raw[-1])}})
        else:
            outputs.append({**output, "data": flat})
    parameters: dict[str, Any] = {"request_id": answer.request_id}
    if answer.warnings:
        parameters["warnings"] = "; ".join(answer.warnings)  # the protocol has no lists here
    body = {
        "id": answer.request_id if request.id is None else request.id,
        "model_name": answer.champion.definition.name,
        "model_version": answer.model_version,
        "parameters": parameters,
        "outputs": outputs,
    }
    return body, raw


def open_inference_metadata(champion: Champion) -> dict[str, Any]:
    """Return a model's metadata of the Open Inference Protocol."""
    definition = champion.definition
    widths = {"probabilities": [len(champion.predictor.signature.classes or ())], "intervals": [2]}
    return {
        "name": definition.name,
        "versions": [champion.pointer.version],
        "platform": "onnx_onnxv1",
        "inputs": [
            {"name": name, "datatype": _DATATYPES[feature.type], "shape": [-1, 1]}
            for name, feature in definition.inputs.items()
        ],
        "outputs": [
            {**tensor, "shape": [-1, *widths.get(tensor["name"], ())]}
            for tensor in _outputs(champion)
        ],
    }


def model_body(definition: ModelDefinition, champion: Champion | None) -> dict[str, Any]:
    """Return the description of a model that a caller needs before a call.

    That is what the loaded bundle takes, or what ``model.toml`` says while nothing serves.
    """
    if champion is not None:
        definition = champion.definition
    pointer = None if champion is None else champion.pointer
    known = None if champion is None else champion.predictor.signature.interval
    interval = None if known is None else known.model_dump()
    return {
        "name": definition.name,
        "task": definition.task,
        "target": definition.target,
        "features": {
            name: feature.model_dump(exclude_none=True)
            for name, feature in definition.inputs.items()
        },
        "metric": definition.metric,
        "production": None
        if pointer is None
        else {
            "version": pointer.version,
            "metric": pointer.metric,
            "promoted_at": pointer.promoted_at,
            "reference_dataset_id": pointer.reference_dataset_id,
            "interval": interval,
        },
    }


def _outputs(champion: Champion) -> list[dict[str, Any]]:
    signature = champion.predictor.signature
    classification = signature.task == "classification"
    datatype = _LABEL_DATATYPES[signature.class_type] if classification else "FP64"
    tensors = [{"name": "predictions", "datatype": datatype}]
    if signature.probabilities:
        tensors.append({"name": "confidences", "datatype": "FP64"})
        tensors.append({"name": "probabilities", "datatype": "FP64"})
    if signature.interval:
        tensors.append({"name": "intervals", "datatype": "FP64"})
    return tensors


def _classes(answer: Answer) -> list[Any] | None:
    """Return the classes in the order of their probabilities, as the answer writes them."""
    signature = answer.champion.predictor.signature
    if answer.probabilities is None or signature.classes is None:
        return None
    if signature.class_type == "integer":
        return [int(each) for each in signature.classes]
    if signature.class_type == "boolean":
        return [False, True]
    return list(signature.classes)
