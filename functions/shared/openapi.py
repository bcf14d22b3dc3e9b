"""The OpenAPI document of the whole deployment, generated from its model definitions.

Several functions answer the API, so no single application can describe it. Only the definitions
know which features a body must have. A test compares the document with the routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evergreen.capture.ground_truth import MAX_LABELS
from evergreen.capture.request_log import MAX_ROWS
from evergreen.model_definition import Feature, ModelDefinition

_JSON = "application/json"
_PROBLEM = "application/problem+json"
_KEY: list[dict[str, list[str]]] = [{"apiKey": []}]

_PROBLEMS = {
    "400": "the body is not JSON",
    "403": "the API key is missing or wrong",
    "404": "no such model",
    "413": "too many rows or bytes",
    "422": "the body does not fit the model; errors lists each field by its path",
    "429": "too many requests",
    "503": "no version is in production, or the rows could not be logged",
}
_TYPES = {"float": "number", "integer": "integer", "boolean": "boolean", "category": "string"}
_DATATYPES = {"float": "FP64", "integer": "INT64", "boolean": "BOOL", "category": "BYTES"}


def describe(definitions: Mapping[str, ModelDefinition], version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a deployment with these models."""
    paths = _general_paths()
    schemas: dict[str, Any] = {"Problem": _problem_schema()}
    for definition in definitions.values():
        paths |= _model_paths(definition)
        schemas[definition.name] = row_schema(definition)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Evergreen",
            "version": version,
            "description": "Predictions of the models of this deployment. Every predicted row is "
            "logged; send the ground truth later under its request_id and row.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer", "description": "the API key"},
            },
        },
    }


def row_schema(definition: ModelDefinition) -> dict[str, Any]:
    """Return the JSON schema of one row of the model's features."""
    return {
        "type": "object",
        "properties": {name: _schema(each) for name, each in definition.features.items()},
        "required": [name for name, each in definition.features.items() if not each.nullable],
        "additionalProperties": False,
    }


def _schema(feature: Feature) -> dict[str, Any]:
    kind = _TYPES[feature.type]
    schema: dict[str, Any] = {"type": [kind, "null"] if feature.nullable else kind}
    if feature.min is not None or feature.max is not None:
        low = "any" if feature.min is None else f"{feature.min:g}"
        high = "any" if feature.max is None else f"{feature.max:g}"
        # Not as minimum and maximum, because a value outside is counted and not refused.
        schema["description"] = f"plausible from {low} to {high}"
    return schema


def _example(feature: Feature) -> Any:  # noqa: ANN401 - any JSON value
    if feature.type == "category":
        return "a"
    if feature.type == "boolean":
        return True
    low = 0 if feature.min is None else feature.min
    middle = low + 1 if feature.max is None else (low + feature.max) / 2
    return int(middle) if feature.type == "integer" else middle


def _model_paths(definition: ModelDefinition) -> dict[str, Any]:
    name = definition.name
    predict = _operation(
        name, "Predict rows", _body(_prediction_schema(name), _forms(definition)), "the predictions"
    )
    return {
        f"/models/{name}": {"get": _operation(name, "Its features, and the version in production")},
        f"/models/{name}/predict": {"post": predict},
        f"/models/{name}/invocations": {
            "post": {**predict, "summary": "The same, for clients of MLflow and SageMaker"}
        },
        f"/models/{name}/ground-truth": {
            "post": _operation(
                name,
                "Send ground truth: either all labels are accepted, or none",
                _body(_label_schema(), {"one label": [_label_example(definition)]}),
                "the labels are stored",
                status="202",
            )
        },
        f"/v2/models/{name}": {"get": _operation(name, "Metadata (Open Inference Protocol)")},
        f"/v2/models/{name}/ready": {"get": _operation(name, "Whether it can predict now")},
        f"/v2/models/{name}/infer": {
            "post": _operation(
                name,
                "Predict rows (Open Inference Protocol)",
                _body({"type": "object", "required": ["inputs"]}, _tensors(definition)),
                "the predictions",
            )
        },
    }


def _general_paths() -> dict[str, Any]:
    public = {
        "/": "The status page, for people",
        "/ping": "Whether the API answers",
        "/docs": "This documentation",
        "/openapi.json": "This document",
        "/v2/health/live": "Whether the server runs (Open Inference Protocol)",
        "/v2/health/ready": "Whether every model is ready (Open Inference Protocol)",
    }
    keyed = {
        "/models": "The models of this deployment",
        "/status": "The state of each model; ?span= 1h, 24h or 7d is the time range of the charts",
        "/v2": "Name and version of the server",
    }
    summaries = public | keyed | {"/metrics": "Metrics for Prometheus"}
    security = dict.fromkeys(keyed, _KEY) | {"/metrics": [*_KEY, {"bearer": []}]}
    return {
        path: {
            "get": {
                "tags": ["general"],
                "summary": summary,
                "responses": {"200": {"description": "as asked"}},
                **({"security": security[path]} if path in security else {}),
            }
        }
        for path, summary in summaries.items()
    }


def _operation(
    tag: str,
    summary: str,
    body: dict[str, Any] | None = None,
    success: str = "as asked",
    status: str = "200",
) -> dict[str, Any]:
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    without_body = ("403", "404", "429", "503")
    return {
        "tags": [tag],
        "summary": summary,
        "security": _KEY,
        **({"requestBody": body} if body else {}),
        "responses": {
            status: {"description": success, "content": {_JSON: {"schema": {"type": "object"}}}},
            **{
                code: {"description": meaning, "content": {_PROBLEM: problem}}
                for code, meaning in _PROBLEMS.items()
                if body or code in without_body
            },
        },
    }


def _body(schema: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    named = {name: {"value": value} for name, value in examples.items()}
    return {"required": True, "content": {_JSON: {"schema": schema, "examples": named}}}


def _prediction_schema(name: str) -> dict[str, Any]:
    row = {"$ref": f"#/components/schemas/{name}"}
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": MAX_ROWS}
    lists = {"type": "array", "items": {"type": "array"}, "minItems": 1, "maxItems": MAX_ROWS}
    columns = {"type": "object", "additionalProperties": {"type": "array"}}
    split = {
        "type": "object",
        "properties": {
            "columns": {"type": "array", "items": {"type": "string"}},
            "data": {"type": "array", "items": {"type": "array"}},
        },
        "required": ["columns", "data"],
    }
    forms: dict[str, Any] = {
        "instances": {"anyOf": [rows, lists]},
        "inputs": {"anyOf": [columns, rows, lists]},
        "dataframe_split": split,
        "dataframe_records": rows,
    }
    return {
        "type": "object",
        "properties": {**forms, "metadata": {"type": "object"}, "id": {"type": "string"}},
        "oneOf": [{"required": [form]} for form in forms],
        "additionalProperties": False,
    }


def _forms(definition: ModelDefinition) -> dict[str, Any]:
    row = {name: _example(feature) for name, feature in definition.features.items()}
    return {
        "instances": {"instances": [row]},
        "inputs": {"inputs": {name: [value] for name, value in row.items()}},
        "dataframe_split": {"dataframe_split": {"columns": [*row], "data": [[*row.values()]]}},
        "dataframe_records": {"dataframe_records": [row]},
    }


def _tensors(definition: ModelDefinition) -> dict[str, Any]:
    tensors = [
        {
            "name": name,
            "shape": [1],
            "datatype": _DATATYPES[feature.type],
            "data": [_example(feature)],
        }
        for name, feature in definition.features.items()
    ]
    return {"one row": {"inputs": tensors}}


def _label_schema() -> dict[str, Any]:
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
                "type": ["string", "number", "boolean"],
                "description": "a number, or a class of the same type as the predictions",
            },
            "observed_at": {
                "type": "string",
                "format": "date-time",
                "description": "default: now; not before 2000 and not in the future",
            },
        },
        "required": ["request_id", "label"],
        "additionalProperties": False,
    }
    return {"type": "array", "items": label, "minItems": 1, "maxItems": MAX_LABELS}


def _label_example(definition: ModelDefinition) -> dict[str, Any]:
    return {
        "request_id": "6f2c1a34-0d8e-4f0c-9a56-2b1f7c3d9e80",
        "row": 0,
        "label": "a" if definition.task == "classification" else 1.5,
        "observed_at": "2026-01-31T08:00:00Z",
    }


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "errors": {
                "type": "array",
                "items": {"type": "object", "properties": {"path": text, "message": text}},
            },
        },
        "required": ["type", "title", "status", "detail"],
    }
