"""The OpenAPI document of the whole deployment, generated from its model definitions.

Several functions answer the API, so no single application can describe it. Only the definitions
know which features a body must have. A test compares the document with the routes.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Literal

from evergreen.metrics.history import SPANS
from evergreen.model_definition import Feature, ModelDefinition
from evergreen.reporting.newest_requests import NEWEST_REQUESTS
from evergreen.serving.bodies import BINARY_TYPE, CSV_TYPE, JSON_LINES_TYPE
from functions.shared.openapi_schemas import (
    answer_schemas,
    class_forms,
    inference_schema,
    label_schema,
    prediction_schemas,
    row_schema,
)

_JSON = "application/json"
_PROBLEM = "application/problem+json"
_KEY: list[dict[str, list[str]]] = [{"apiKey": []}]

_PROBLEMS = {
    "400": "the body cannot be read, or the model is not ready",
    "403": "the API key is missing or wrong",
    "404": "no such model",
    "406": "the answer cannot be sent in the form that the header accept asks for",
    "413": "too many rows or bytes",
    "415": "the content type or the content encoding is not taken here",
    "422": "the body or the query does not fit the model; errors lists each field by its path",
    "429": "too many requests",
    "503": "no version is in production, or the rows could not be logged",
    "504": "the function did not answer in time",
}
_OF_THE_GATEWAY = frozenset({"429", "504"})
_TEXT = {"type": "string"}
_BYTES = {**_TEXT, "format": "binary"}  # generators of clients know bytes by this format
_QUERY: dict[str, dict[str, Any]] = {
    "extra": {
        "name": "extra",
        "in": "query",
        "description": "ignore: pass over columns that are no features; "
        "default: what model.toml says, or else refuse",
        "schema": {"type": "string", "enum": ["refuse", "ignore"]},
    },
    "probabilities": {
        "name": "probabilities",
        "in": "query",
        "description": "answer the probability of every class too",
        "schema": {"type": "string", "enum": ["true", "false"], "default": "false"},
    },
    "limit": {
        "name": "limit",
        "in": "query",
        "description": "how many rows at most",
        "schema": {
            "type": "integer",
            "minimum": 1,
            "maximum": NEWEST_REQUESTS,
            "default": NEWEST_REQUESTS,
        },
    },
    "span": {
        "name": "span",
        "in": "query",
        "description": "the time range of the charts",
        "schema": {"type": "string", "enum": [*SPANS]},
    },
}
_DATATYPES = {
    "float": "FP64",
    "integer": "INT64",
    "boolean": "BOOL",
    "category": "BYTES",
    "text": "BYTES",
    "timestamp": "BYTES",
}


Server = Literal["deployment", "server with a key", "server"]
"""What answers: a deployment behind API Gateway, or a server of its own, which may take a key."""
_OF_A_DEPLOYMENT = ("/", "/status", "/metrics")
"""Paths that a server of one model does not have, nor what lies below them."""


def describe(
    definitions: Mapping[str, ModelDefinition], version: str, server: Server = "deployment"
) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a server with these models."""
    paths = _general_paths()
    schemas: dict[str, Any] = {**answer_schemas(), "Document": {"type": "object"}}
    for definition in definitions.values():
        paths |= _model_paths(definition)
        schemas[definition.name] = row_schema(definition)
        schemas |= prediction_schemas(definition.name)
    if server != "deployment":
        paths = {
            path: each
            for path, each in paths.items()
            if path not in _OF_A_DEPLOYMENT and not path.startswith("/status/")
        }
        for name in ("DeploymentStatus", "ModelDetails", "NewestRequests"):
            del schemas[name]
    keys = {
        "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        "bearer": {"type": "http", "scheme": "bearer", "description": "the API key"},
    }
    if server == "server with a key":
        del keys["bearer"]
        paths = _without(paths, _OF_THE_GATEWAY)
    if server == "server":
        paths, keys = _without(paths, {*_OF_THE_GATEWAY, "403"}, key=False), {}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Evergreen",
            "version": version,
            "description": "Predictions of the models of this deployment. Every predicted row is "
            "logged; send the ground truth later under its request_id and row.",
        },
        "servers": [{"url": ".", "description": "where this document is"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            **({"securitySchemes": keys} if keys else {}),
        },
    }


def _without(paths: Mapping[str, Any], statuses: Set[str], *, key: bool = True) -> dict[str, Any]:
    """Return the paths without some errors, and without a key if it needs none."""
    return {
        path: {
            method: {
                **{name: each for name, each in operation.items() if key or name != "security"},
                "responses": {
                    status: answer
                    for status, answer in operation["responses"].items()
                    if status not in statuses
                },
            }
            for method, operation in methods.items()
        }
        for path, methods in paths.items()
    }


def _example(feature: Feature) -> Any:  # noqa: ANN401 - any JSON value
    if feature.type == "category":
        return "a" if feature.known is None else feature.known[0]
    if feature.type == "timestamp":
        return "2026-03-01T12:00:00Z"
    if feature.type == "text":
        return "a few words"
    if feature.type == "boolean":
        return True
    low = 0 if feature.min is None else feature.min
    middle = low + 1 if feature.max is None else (low + feature.max) / 2
    return int(middle) if feature.type == "integer" else middle


def _model_paths(definition: ModelDefinition) -> dict[str, Any]:
    name = definition.name
    one_of = [_reference(each) for each in prediction_schemas(name)]
    forms = _json({"oneOf": one_of}, _forms(definition))
    predictions = _json(_reference("Predictions"))
    predict = _operation(
        name, "Predict rows", "Predictions", body=forms, query=("extra", "probabilities")
    )
    score = _operation(
        name,
        "Predict rows, for clients of MLflow and SageMaker",
        body={**forms, CSV_TYPE: {"schema": _TEXT}, JSON_LINES_TYPE: {"schema": _TEXT}},
        answers={**predictions, CSV_TYPE: {"schema": _TEXT}, JSON_LINES_TYPE: {"schema": _TEXT}},
        query=("extra", "probabilities"),
        more=("406",),
    )
    infer = _operation(
        name,
        "Predict rows (Open Inference Protocol)",
        body={
            **_json(inference_schema(), _tensors(definition)),
            BINARY_TYPE: {"schema": _BYTES},
        },
        answers={**_json(_reference("Inference")), BINARY_TYPE: {"schema": _BYTES}},
        query=("extra", "probabilities"),
    )
    labels = _operation(
        name,
        "Send ground truth: either all labels are accepted, or none",
        "Accepted",
        body=_json(label_schema(definition), {"one label": [_label_example(definition)]}),
        status="202",
    )
    ready = _operation(
        name,
        "Whether it can predict now (Open Inference Protocol)",
        "Ready",
        more=("400",),
    )
    metadata = _operation(name, "Metadata (Open Inference Protocol)", "Metadata")
    ping = _operation(name, "Whether it can predict now (MLflow)", "Status")
    text = _operation(
        name, "Version of the server (MLflow)", answers={"text/plain": {"schema": _TEXT}}
    )
    details = _operation(
        name,
        "Its details, for the status page",
        "ModelDetails",
        query=("span",),
        more=("422",),
    )
    rows = _operation(
        name,
        "The newest rows of its request log, for the status page",
        "NewestRequests",
        query=("limit",),
        more=("422",),
    )
    own, open_, kserve = f"/models/{name}", f"/v2/models/{name}", f"/v1/models/{name}"
    version = f"{open_}/versions/{{version}}"
    return {
        own: {"get": _operation(name, "Its features, and the version in production", "Model")},
        f"/status/{name}": {"get": details},
        f"/status/{name}/requests": {"get": rows},
        f"{own}/predict": {"post": predict},
        f"{own}/ground-truth": {"post": labels},
        f"{own}/invocations": {"post": score},
        f"/endpoints/{name}/invocations": {"post": score},
        f"{own}/ping": {"get": ping},
        f"{own}/health": {"get": ping},
        f"{own}/version": {"get": text},
        open_: {"get": metadata},
        f"{open_}/ready": {"get": ready},
        f"{open_}/infer": {"post": infer},
        version: {"get": _of_version(metadata)},
        f"{version}/ready": {"get": _of_version(ready)},
        f"{version}/infer": {"post": _of_version(infer)},
        f"/api/2.0/endpoints/{name}": {
            "get": _operation(name, "The model as an endpoint (MLflow's deployments)", "Endpoint")
        },
        kserve: {"get": _operation(name, "Whether it can predict now (KServe V1)", "Ready")},
        f"{kserve}:predict": {
            "post": {**predict, "summary": "Predict rows (KServe V1)"},
        },
    }


def _of_version(operation: dict[str, Any]) -> dict[str, Any]:
    version = {"name": "version", "in": "path", "required": True, "schema": _TEXT}
    return {**operation, "parameters": [*operation.get("parameters", ()), version]}


def _general_paths() -> dict[str, Any]:
    page, text = {"text/html": {"schema": _TEXT}}, {"text/plain": {"schema": _TEXT}}
    public = {
        "/": _about("The status page, for people", answers=page),
        "/ping": _about("Whether the API answers", "Status"),
        "/docs": _about("This documentation", answers=page),
        "/openapi.json": _about("This document", "Document"),
        "/v2/health/live": _about("Whether the server runs (Open Inference Protocol)", "Live"),
        "/v2/health/ready": _about(
            "Whether every model is ready (Open Inference Protocol)", "AllReady", more=("400",)
        ),
        "/metrics": _about("Metrics for Prometheus", answers=text),
    }
    keyed = {
        "/models": _about("The models of this deployment", "Models"),
        "/v1/models": _about("Names of the models (KServe V1)", "Names"),
        "/api/2.0/endpoints/": _about(
            "The models as endpoints (MLflow's deployments)", "Endpoints"
        ),
        "/status": _about(
            "The state of each model", "DeploymentStatus", query=("span",), more=("422",)
        ),
        "/v2": _about("Name and version of the server", "Server"),
    }
    for operation in public.values():
        del operation["security"]
    public["/metrics"]["security"] = [*_KEY, {"bearer": []}]
    return {path: {"get": operation} for path, operation in {**public, **keyed}.items()}


def _about(summary: str, schema: str | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - the arguments of _operation
    return _operation("general", summary, schema, **more)


def _operation(
    tag: str,
    summary: str,
    schema: str | None = None,
    *,
    body: dict[str, Any] | None = None,
    answers: dict[str, Any] | None = None,
    status: str = "200",
    query: tuple[str, ...] = (),
    more: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return an operation, whose answer has the named ``schema`` unless ``answers`` says more."""
    problem = {_PROBLEM: {"schema": _reference("Problem")}}
    always = {*_PROBLEMS} - {"406"} if body else {"403", "404", "503"} | _OF_THE_GATEWAY
    codes = {*always, *more}
    return {
        "tags": [tag],
        "summary": summary,
        "security": _KEY,
        **({"parameters": [_QUERY[name] for name in query]} if query else {}),
        **({"requestBody": {"required": True, "content": body}} if body else {}),
        "responses": {
            status: {
                "description": "as asked",
                "content": answers or _json(_reference(schema or "")),
            },
            **{
                code: {"description": meaning, "content": problem}
                for code, meaning in _PROBLEMS.items()
                if code in codes
            },
        },
    }


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: dict[str, Any], examples: dict[str, Any] | None = None) -> dict[str, Any]:
    named = {name: {"value": value} for name, value in (examples or {}).items()}
    return {_JSON: {"schema": schema, **({"examples": named} if named else {})}}


def _forms(definition: ModelDefinition) -> dict[str, Any]:
    row = {name: _example(feature) for name, feature in definition.inputs.items()}
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
        for name, feature in definition.inputs.items()
    ]
    return {"one row": {"inputs": tensors}}


def _label_example(definition: ModelDefinition) -> dict[str, Any]:
    truth = definition.ground_truth
    if definition.task == "classification":
        label: Any = "a" if truth.classes is None else class_forms(truth.classes[0])[-1]
    else:
        label = 1.5 if truth.min is None else truth.min
    return {
        "request_id": "6f2c1a34-0d8e-4f0c-9a56-2b1f7c3d9e80",
        "row": 0,
        "label": label,
        "observed_at": "2026-01-31T08:00:00Z",
    }
