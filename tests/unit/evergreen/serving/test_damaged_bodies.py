"""A good body with anything in place of any of its parts is read or refused, and raises no more."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.errors import RequestError
from evergreen.model_definition import ModelDefinition
from evergreen.serving.requests import RequestReader

if TYPE_CHECKING:
    from collections.abc import Iterator

ROW: dict[str, Any] = {"wind": 0.5, "stops": 12, "line": "U1", "express": False}
KINDS = {"wind": "float", "stops": "integer", "line": "category", "express": "boolean"}
DATATYPES = {"wind": "FP32", "stops": "INT64", "line": "BYTES", "express": "BOOL"}


def reader(names: list[str]) -> RequestReader:
    features = {name: {"type": KINDS[name], "nullable": name == "wind"} for name in names}
    told = {"name": "m", "task": "regression", "target": "y", "features": features}
    return RequestReader(ModelDefinition.model_validate(told))


READERS = {1: reader(["wind"]), 4: reader([*KINDS])}


def bodies(width: int) -> list[dict[str, Any]]:
    row = dict([*ROW.items()][:width])
    tensors = [
        {"name": name, "shape": [1, 1], "datatype": DATATYPES[name], "data": [value]}
        for name, value in row.items()
    ]
    beside = {"id": "a", "parameters": {"binary_data_output": True, "metadata": {"a": 1}}}
    outputs = [{"name": "predictions", "parameters": {"binary_data": False}}]
    return [
        {"instances": [row], "metadata": {"a": 1}, "id": "a", "params": {"b": 2}},
        {"instances": [[*row.values()]]},
        {"inputs": {name: [value] for name, value in row.items()}},
        {"dataframe_records": [row]},
        {"dataframe_split": {"columns": [*row], "index": [0], "data": [[*row.values()]]}},
        {"inputs": tensors, "outputs": outputs, **beside},
        {
            "inputs": [
                {
                    "name": "all",
                    "shape": [1, width],
                    "datatype": "BYTES",
                    "data": [str(value) for value in row.values()],
                }
            ]
        },
    ]


def places(content: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    if isinstance(content, dict | list):
        keys = content if isinstance(content, dict) else range(len(content))
        for key in keys:
            yield from places(content[key], (*at, key))


def replaced(content: Any, at: tuple[Any, ...], value: Any) -> Any:
    if not at:
        return value
    changed = content.copy()
    changed[at[0]] = replaced(content[at[0]], at[1:], value)
    return changed


ODD: list[Any] = [
    *(None, True, 0, -1, 1.5, 10**30, "", "wind", "predictions", "x" * 140_000),
    *([], {}, [[]], [{}], ["wind"], [1, 4], [0, 4], [1, 4.0], {"wind": []}),
]


@pytest.mark.parametrize("width", READERS)
@pytest.mark.parametrize("value", ODD, ids=lambda value: str(value)[:12])
def test_it_is_read_or_refused(width: int, value: object) -> None:
    for body in bodies(width):
        for at in places(body):
            text = json.dumps(replaced(body, at, value)).encode()
            for read in (
                READERS[width].read,
                READERS[width].read_open_inference,
                READERS[width].read_json_lines,
                READERS[width].read_csv,
            ):
                with suppress(RequestError):  # any other error fails the test: it would be a 500
                    read(text, ignore_others=True)
