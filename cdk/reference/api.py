"""Writes `docs/reference/api.md` from the OpenAPI document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdk.reference.fields import table
from evergreen.model_definition import ModelDefinition
from functions.shared.openapi import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

API_PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "api.md"

_NAME = "a_model"
_INTRODUCTION = """\
# API

This page is generated: `make reference` writes it, and a test compares it with the code.

A running deployment describes itself, with the features of its models, at `/openapi.json` and
`/docs`. `{model}` stands for the name of a model. [Clients](../clients.md) shows how programs of
others call it.

Routes that need a key take it in the header `x-api-key`. Answers to errors are
`application/problem+json`, and `errors` names each wrong field by its path.
"""


def render_api_page() -> str:
    """Return the page."""
    document = describe({_NAME: _example()}, "1")
    operations = [
        (method.upper(), path.replace(f"/{_NAME}", "/{model}"), operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    general = [each for each in operations if "{model}" not in each[1]]
    of_models = [each for each in operations if "{model}" in each[1]]
    return "\n".join(
        [
            _INTRODUCTION,
            "## Routes of a model\n",
            _routes(of_models),
            "\n## Routes of the deployment\n",
            _routes(general),
            "\n## Parameters of the query\n",
            table(("Parameter", "Values", "If left out", "Meaning"), _parameters(operations)),
            "\n## Statuses\n",
            table(("Status", "Meaning"), _statuses(operations)),
            "",
        ]
    )


def _routes(operations: Iterable[tuple[str, str, Mapping[str, Any]]]) -> str:
    rows = [
        (
            f"`{method} {path}`",
            operation["summary"],
            ", ".join(f"`{kind}`" for kind in operation.get("requestBody", {}).get("content", ())),
            "yes" if operation.get("security") else "",
        )
        for method, path, operation in operations
    ]
    return table(("Route", "What it does", "Body", "Key"), rows)


def _parameters(operations: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[tuple[str, ...]]:
    found = {
        parameter["name"]: parameter
        for _, _, operation in operations
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    }
    return [
        (
            f"`{name}`",
            _values(parameter["schema"]),
            f"`{parameter['schema']['default']}`" if "default" in parameter["schema"] else "",
            parameter["description"],
        )
        for name, parameter in sorted(found.items())
    ]


def _values(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return f"{schema['type']}, {schema['minimum']} to {schema['maximum']}"


def _statuses(operations: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for _, _, operation in operations:
        for status, answer in operation["responses"].items():
            found.setdefault(status, answer["description"])
    del found["200"]  # each route's own
    return sorted(found.items())


def _example() -> ModelDefinition:
    features = {"x": {"type": "float"}}
    return ModelDefinition.model_validate(
        {"name": _NAME, "task": "classification", "target": "y", "features": features}
    )
