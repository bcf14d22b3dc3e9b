"""The JSON schemas of the OpenAPI document: what bodies and answers hold."""

from __future__ import annotations

from typing import Any

from evergreen.capture.ground_truth import MAX_LABELS
from evergreen.capture.request_log import MAX_ROWS
from evergreen.model_definition import Feature, ModelDefinition
from evergreen.serving.request_options import INFERENCE_OUTPUTS, MAX_ID_LENGTH
from evergreen.serving.tensors import TENSOR_DATATYPES

_TYPES = {
    "float": "number",
    "integer": "integer",
    "boolean": "boolean",
    "category": "string",
    "text": "string",
    "timestamp": "string",
}
_TEXT: dict[str, Any] = {"type": "string"}
_WHOLE: dict[str, Any] = {"type": "integer"}
_NUMBER: dict[str, Any] = {"type": "number"}
_BOOLEAN: dict[str, Any] = {"type": "boolean"}
_OBJECT: dict[str, Any] = {"type": "object"}
_NUMBERS = {"type": "array", "items": {"type": "number"}}
_TEXTS = {"type": "array", "items": _TEXT}
_OPTIONAL: dict[str, Any] = {"type": ["object", "null"]}
_CALLERS_ID = {"type": ["string", "null"], "minLength": 1, "maxLength": MAX_ID_LENGTH}
_OUTPUT = {"type": ["string", "number", "boolean"]}


def row_schema(definition: ModelDefinition) -> dict[str, Any]:
    """Return the JSON schema of one row of the model's features."""
    return {
        "type": "object",
        "properties": {name: _schema(each) for name, each in definition.inputs.items()},
        "required": [name for name, each in definition.inputs.items() if not each.nullable],
        "additionalProperties": definition.extra == "ignore",
    }


def _schema(feature: Feature) -> dict[str, Any]:
    kind = _TYPES[feature.type]
    schema: dict[str, Any] = {"type": [kind, "null"] if feature.nullable else kind}
    if feature.type == "timestamp":
        schema["description"] = "a timestamp in ISO 8601, in UTC if it names no zone"
    if feature.only is not None:
        schema["enum"] = [*(feature.known or ()), *([None] if feature.nullable else [])]
    if feature.min is not None or feature.max is not None:
        low = "any" if feature.min is None else f"{feature.min:g}"
        high = "any" if feature.max is None else f"{feature.max:g}"
        # Not as minimum and maximum, because a value outside is counted and not refused.
        schema["description"] = f"plausible from {low} to {high}"
    return schema


def prediction_schemas(name: str) -> dict[str, dict[str, Any]]:
    """Return the schema of a request in each of the JSON forms, by its name in the document.

    Each has a name, because generators of clients make a type of each schema with one. Model names
    begin with a small letter, so these are none.
    """
    row = {"$ref": f"#/components/schemas/{name}"}
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": MAX_ROWS}
    lists = {
        "type": "array",
        "items": {"type": "array", "items": {}},
        "minItems": 1,
        "maxItems": MAX_ROWS,
    }
    columns = {"type": "object", "additionalProperties": {"type": "array", "items": {}}}
    split = {
        "type": "object",
        "properties": {
            "columns": {"type": "array", "items": {"type": "string"}},
            "data": {"type": "array", "items": {"type": "array", "items": {}}},
        },
        "required": ["columns", "data"],
    }
    forms: dict[str, Any] = {
        "instances": {"anyOf": [rows, lists]},
        "inputs": {"anyOf": [columns, rows, lists]},
        "dataframe_split": split,
        "dataframe_records": rows,
    }
    beside = {"metadata": _OPTIONAL, "id": _CALLERS_ID, "params": _OPTIONAL}
    return {
        f"{form.title().replace('_', '')}_{name}": {
            **_object({form: schema, **beside}, required=(form,)),
            "additionalProperties": False,
        }
        for form, schema in forms.items()
    }


def label_schema(definition: ModelDefinition) -> dict[str, Any]:
    """Return the schema of a request with ground truth."""
    truth = definition.ground_truth
    value: dict[str, Any] = {"type": ["string", "integer", "boolean"]}
    if definition.task != "classification":
        limits = {"minimum": truth.min, "maximum": truth.max}
        value = {
            "type": "number",
            **{name: each for name, each in limits.items() if each is not None},
        }
    elif truth.classes is not None:
        value = {"enum": [form for name in truth.classes for form in class_forms(name)]}
    label = {
        "type": "object",
        "properties": {
            "request_id": {
                "type": "string",
                "format": "uuid",
                "description": "the request_id of the prediction's answer; your own ids are not "
                "accepted",
            },
            "row": {"type": "integer", "minimum": 0, "maximum": MAX_ROWS - 1, "default": 0},
            "label": {
                **value,
                "description": "a number, or a class of the same type as the predictions",
            },
            "observed_at": {
                "type": ["string", "null"],
                "format": "date-time",
                "description": "default: now; not before 2000 and not in the future",
            },
        },
        "required": ["request_id", "label"],
        "additionalProperties": False,
    }
    return {"type": "array", "items": label, "minItems": 1, "maxItems": MAX_LABELS}


def problem_schema() -> dict[str, Any]:
    """Return the schema of every error."""
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "error": {**text, "description": "the detail and the errors, for KServe's clients"},
            "message": {**text, "description": "the same, for SageMaker's clients"},
            "errors": {
                "type": "array",
                "items": {"type": "object", "properties": {"path": text, "message": text}},
            },
        },
        "required": ["type", "title", "status", "detail"],
    }


def answer_schemas() -> dict[str, Any]:
    """Return the schema of each kind of answer, by its name in the document."""
    interval = _object(
        {"coverage": _NUMBER, "radius": _NUMBER, "rows": _WHOLE},
        required=("coverage", "radius", "rows"),
        null=True,
    )
    production = _object(
        {
            "version": _TEXT,
            "metric": {"type": ["number", "null"]},
            "promoted_at": {"type": "string", "format": "date-time"},
            "reference_dataset_id": {"type": ["string", "null"]},
            "interval": interval,
        },
        required=("version", "promoted_at"),
        null=True,
    )
    about = {"name": _TEXT, "task": _TEXT, "target": _TEXT, "metric": _TEXT}
    tensor = _object(
        {
            "name": _TEXT,
            "datatype": _TEXT,
            "shape": {"type": "array", "items": _WHOLE},
            "data": {"type": "array", "items": {}},
            "parameters": _OBJECT,
        },
        required=("name", "datatype", "shape"),
    )
    tensors = {"type": "array", "items": tensor}
    endpoint = {"$ref": "#/components/schemas/Endpoint"}
    return {
        "Problem": problem_schema(),
        "Status": _object({"status": _TEXT}),
        "Predictions": _object(
            {
                "id": _TEXT,
                "request_id": {"type": "string", "format": "uuid"},
                "model_version": _TEXT,
                "predictions": {"type": "array", "items": _OUTPUT},
                "confidences": {**_NUMBERS, "type": ["array", "null"]},
                "classes": {"type": ["array", "null"], "items": _OUTPUT},
                "probabilities": {"type": ["array", "null"], "items": _NUMBERS},
                "intervals": {"type": "array", "items": {**_NUMBERS, "minItems": 2, "maxItems": 2}},
                "warnings": _TEXTS,
            },
            required=("request_id", "model_version", "predictions", "confidences"),
        ),
        "Accepted": _object({"accepted": _WHOLE}),
        "Model": _object(
            {**about, "features": _OBJECT, "production": production},
            required=(*about, "features", "production"),
        ),
        "Models": _object(
            {
                "models": {
                    "type": "array",
                    "items": _object(
                        {**about, "production": {**_OBJECT, "type": ["object", "null"]}}
                    ),
                }
            }
        ),
        "Names": _object({"models": _TEXTS}),
        "Endpoint": _object(
            {
                "name": _TEXT,
                "endpoint_type": _TEXT,
                "model": _object({"name": _TEXT, "provider": _TEXT}),
                "endpoint_url": _TEXT,
                "limit": {"type": "null"},
            }
        ),
        "Endpoints": _object({"endpoints": {"type": "array", "items": endpoint}}),
        "Ready": _object({"name": _TEXT, "ready": _BOOLEAN}),
        "AllReady": _object({"ready": _BOOLEAN, "not_ready": _TEXTS}),
        "Live": _object({"live": _BOOLEAN}),
        "Server": _object({"name": _TEXT, "version": _TEXT, "extensions": _TEXTS}),
        "Metadata": _object(
            {
                "name": _TEXT,
                "versions": _TEXTS,
                "platform": _TEXT,
                "inputs": tensors,
                "outputs": tensors,
            }
        ),
        "Inference": _object(
            {
                "id": _TEXT,
                "model_name": _TEXT,
                "model_version": _TEXT,
                "parameters": _OBJECT,
                "outputs": tensors,
            }
        ),
        "DeploymentStatus": _OBJECT,
        "ModelDetails": _OBJECT,
        "NewestRequests": _OBJECT,
    }


def class_forms(name: str) -> list[str | int | bool]:
    """Return what a class may be sent as: its text, and the number or boolean that it is."""
    number = [int(name)] if str(name).lstrip("-").isdecimal() and str(int(name)) == name else []
    boolean = [name == "True"] if name in {"True", "False"} else []
    return [name, *number, *boolean]


def inference_schema() -> dict[str, Any]:
    """Return the schema of a request of the Open Inference Protocol."""
    tensor = _object(
        {
            "name": _TEXT,
            "shape": {
                "type": "array",
                "items": {**_WHOLE, "minimum": 1},
                "minItems": 1,
                "maxItems": 2,
            },
            "datatype": {"enum": list(TENSOR_DATATYPES)},
            "data": {"type": "array", "items": {}},
            "parameters": _OPTIONAL,
        },
        required=("name", "shape", "datatype", "data"),
    )
    output = _object(
        {"name": {"enum": list(INFERENCE_OUTPUTS)}, "parameters": _OPTIONAL}, required=("name",)
    )
    return {
        **_object(
            {
                "id": _CALLERS_ID,
                "model_name": {},
                "model_version": {},
                "parameters": _OBJECT,
                "inputs": {"type": "array", "items": tensor, "minItems": 1},
                "outputs": {"type": ["array", "null"], "items": output},
            },
            required=("inputs",),
        ),
        "additionalProperties": False,
    }


def _object(
    properties: dict[str, Any], required: tuple[str, ...] | None = None, *, null: bool = False
) -> dict[str, Any]:
    return {
        "type": ["object", "null"] if null else "object",
        "properties": properties,
        "required": list(properties) if required is None else list(required),
    }
