"""Every form says the same, and every fault is named in the caller's own words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.capture.request_log import MAX_ROWS
from evergreen.errors import MAX_FIELD_ERRORS, RequestError
from evergreen.model_definition import ModelDefinition
from evergreen.serving.requests import (
    MAX_BYTES,
    MAX_METADATA_BYTES,
    PredictionRequest,
    RequestReader,
    fault,
)

if TYPE_CHECKING:
    from evergreen.columns import Columns

DEFINITION = ModelDefinition.model_validate(
    {
        "name": "m",
        "task": "regression",
        "target": "y",
        "features": {
            "weight": {"type": "float"},
            "kind": {"type": "category", "nullable": True},
            "count": {"type": "integer", "nullable": True},
            "new": {"type": "boolean", "nullable": True},
            "place": {"type": "category"},
            "height": {"type": "float", "nullable": True},
        },
    }
)
FEATURES = DEFINITION.features
READER = RequestReader(DEFINITION)
DATATYPES = {"float": "FP64", "integer": "INT64", "boolean": "BOOL", "category": "BYTES"}
GOOD: dict[str, Any] = {
    "weight": 1.5,
    "kind": "a",
    "count": 3,
    "new": True,
    "place": "b",
    "height": None,
}

floats = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.integers(-(2**53), 2**53)
whole = st.integers(-(2**70), 2**70) | st.integers(-1000, 1000).map(float)
text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
fitting = st.fixed_dictionaries(
    {
        "weight": floats,
        "kind": st.none() | text,
        "count": st.none() | whole,
        "new": st.none() | st.booleans(),
        "place": text,
        "height": st.none() | floats,
    }
)
any_value = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**38, 10**39),
    st.floats(allow_nan=False, allow_infinity=False),
    text,
    st.just(""),
    st.just([]),
    st.just({}),
)


def columns_of(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in FEATURES}


def forms(rows: list[dict[str, Any]]) -> dict[str, Any]:
    names = list(FEATURES)
    turned = names[::-1]
    return {
        "objects": {"instances": rows},
        "lists": {"instances": [[row[name] for name in names] for row in rows]},
        "inputs of columns": {"inputs": columns_of(rows)},
        "inputs of objects": {"inputs": rows},
        "inputs of lists": {"inputs": [[row[name] for name in names] for row in rows]},
        "split": {
            "dataframe_split": {
                "columns": turned,
                "index": list(range(len(rows))),
                "data": [[row[name] for name in turned] for row in rows],
            }
        },
        "records": {"dataframe_records": rows},
        "without nulls": {
            "instances": [{k: v for k, v in row.items() if v is not None} for row in rows]
        },
    }


def tensors(rows: list[dict[str, Any]], *, nested: bool) -> dict[str, Any]:
    return {
        "inputs": [
            {
                "name": name,
                "shape": [len(rows), 1] if nested else [len(rows)],
                "datatype": DATATYPES[FEATURES[name].type],
                "data": [[value] for value in values] if nested else values,
            }
            for name, values in columns_of(rows).items()
        ]
    }


def read(body: Any) -> PredictionRequest:
    return READER.read(json.dumps(body).encode())


def read_tensors(body: Any) -> PredictionRequest:
    return READER.read_open_inference(json.dumps(body).encode())


def refusal(body: Any, *, open_inference: bool = False) -> RequestError:
    with pytest.raises(RequestError) as caught:
        (read_tensors if open_inference else read)(body)
    return caught.value


def paths(body: Any, *, open_inference: bool = False) -> list[str]:
    return [each.path for each in refusal(body, open_inference=open_inference).fields]


def same(one: Columns, other: Columns) -> bool:
    return list(one) == list(other) and all(
        one[name].dtype == other[name].dtype
        and np.array_equal(one[name], other[name], equal_nan=FEATURES[name].is_numeric)
        for name in one
    )


@given(st.lists(fitting, min_size=1, max_size=8))
def test_every_form_of_the_same_rows_is_read_alike(rows: Any) -> None:
    expected = {
        name: np.array([np.nan if v is None else float(v) for v in values]).astype(np.float32)
        if FEATURES[name].is_numeric
        else np.array(["" if v is None else v for v in values], dtype=object)
        for name, values in columns_of(rows).items()
    }
    for form, body in forms(rows).items():
        request = read(body)
        assert same(request.columns, expected), form
        assert request.rows == rows, form
    for nested in (True, False):
        request = read_tensors(tensors(rows, nested=nested))
        assert same(request.columns, expected)
        assert request.rows == rows


@given(st.sampled_from(list(FEATURES)), any_value)
def test_the_fast_pass_accepts_exactly_what_fits_value_by_value(name: str, value: Any) -> None:
    message = fault(FEATURES[name], value)
    body = {"instances": [GOOD, {**GOOD, name: value}]}
    if message is None:
        assert read(body).size == 2
    else:
        found = refusal(body).fields
        assert [(each.path, each.message) for each in found] == [(f"instances[1].{name}", message)]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("weight", True, "must be a number, not a boolean"),
        ("weight", "1.5", "must be a number, not a string"),
        ("weight", None, "must not be null"),
        ("weight", 10**39, "beyond the range"),
        ("weight", 1e39, "beyond the range"),
        ("count", 1.5, "must be a whole number, not 1.5"),
        ("count", "", "not an empty string"),
        ("new", 1, "must be true or false, not a number"),
        ("place", "", "must not be an empty string"),
        ("place", 3, "must be a string, not a number"),
        ("kind", ["a"], "must be a string, not a list"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: Any, says: str) -> None:
    (found,) = refusal({"instances": [GOOD, GOOD, {**GOOD, name: value}]}).fields
    assert found.path == f"instances[2].{name}"
    assert says in found.message


def test_each_form_names_the_place_of_a_fault_as_the_caller_wrote_it() -> None:
    rows = [GOOD, {**GOOD, "count": 1.5}]
    found = {name: paths(body) for name, body in forms(rows).items()}
    assert found == {
        "objects": ["instances[1].count"],
        "lists": ["instances[1][2]"],
        "inputs of columns": ["inputs.count[1]"],
        "inputs of objects": ["inputs[1].count"],
        "inputs of lists": ["inputs[1][2]"],
        "split": ["dataframe_split.data[1][3]"],
        "records": ["dataframe_records[1].count"],
        "without nulls": ["instances[1].count"],
    }
    assert paths(tensors(rows, nested=False), open_inference=True) == ["inputs[2].data[1]"]


def test_missing_and_unknown_features_are_all_named() -> None:
    row = {"weight": 1, "colour": "red", "place": 4}
    other = {"weight": 1}
    assert sorted(paths({"instances": [row, other]})) == [
        "instances[0].colour",
        "instances[0].place",
        "instances[1].place",
    ]
    assert paths({"inputs": {"weight": [1], "colour": ["red"]}}) == ["inputs.colour"]
    assert paths({"inputs": {"weight": [1]}}) == ["inputs.place"]
    split = {"columns": ["weight", "weight", "colour"], "data": [[1, 1, 1]]}
    assert paths({"dataframe_split": split}) == [
        "dataframe_split.columns[1]",
        "dataframe_split.columns[2]",
    ]
    absent = {"columns": ["weight"], "data": [[1]]}
    assert paths({"dataframe_split": absent}) == ["dataframe_split.columns.place"]


def test_at_most_twenty_faults_are_reported() -> None:
    assert len(paths({"instances": [{**GOOD, "weight": "x"}] * 100})) == MAX_FIELD_ERRORS
    assert len(paths({"instances": [{**GOOD, "x": 1}] * 100})) == MAX_FIELD_ERRORS
    assert len(paths({"instances": [1] * 100})) == MAX_FIELD_ERRORS
    strange = {f"x{number}": [1] for number in range(100)}
    assert len(paths({"instances": [strange]})) == MAX_FIELD_ERRORS
    assert len(paths({"inputs": strange})) == MAX_FIELD_ERRORS
    assert len(paths({"dataframe_split": {"columns": [*strange], "data": []}})) == MAX_FIELD_ERRORS
    split = {"columns": ["weight"], "data": [[]] * 100}
    assert len(paths({"dataframe_split": split})) == MAX_FIELD_ERRORS
    assert len(paths({"inputs": [{}] * 100}, open_inference=True)) == MAX_FIELD_ERRORS
    assert len(paths({"instances": [GOOD], **strange})) == MAX_FIELD_ERRORS


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], "$"),
        ({}, "$"),
        ({"instances": [GOOD], "inputs": [GOOD]}, "$"),
        ({"instances": []}, "$"),
        ({"instances": "x"}, "instances"),
        ({"instances": [GOOD], "rows": 1}, "rows"),
        ({"instances": [[1, 2]]}, "instances[0]"),
        ({"instances": [GOOD, 3]}, "instances[1]"),
        ({"instances": [list(GOOD.values()), GOOD]}, "instances[1]"),
        ({"inputs": {"weight": 1}}, "inputs.weight"),
        ({"inputs": {"weight": [1, 2], "place": ["a"]}}, "inputs.place"),
        ({"dataframe_split": []}, "dataframe_split"),
        ({"dataframe_split": {"columns": "weight", "data": []}}, "dataframe_split.columns"),
        ({"dataframe_split": {"columns": [], "data": {}}}, "dataframe_split.data"),
        ({"dataframe_split": {"columns": [], "rows": []}}, "dataframe_split.rows"),
        ({"dataframe_records": [[1]]}, "dataframe_records[0]"),
        ({"instances": [GOOD], "id": ""}, "id"),
        ({"instances": [GOOD], "metadata": []}, "metadata"),
        ({"instances": [GOOD], "metadata": {"role": "me"}}, "metadata.role"),
        ({"instances": [GOOD], "metadata": {"a": "x" * MAX_METADATA_BYTES}}, "metadata"),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused(body: Any, path: str) -> None:
    error = refusal(body)
    assert error.status == 422
    assert error.fields[0].path == path


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": "colour"}, "inputs[0].name"),
        ({"name": None}, "inputs[0].name"),
        ({"datatype": "BYTES"}, "inputs[0].datatype"),
        ({"shape": [2]}, "inputs[0].shape"),
        ({"shape": [1, 2]}, "inputs[0].shape"),
        ({"shape": [True]}, "inputs[0].shape"),
        ({"shape": "1"}, "inputs[0].shape"),
        ({"data": 1}, "inputs[0].data"),
        ({"data": [[1, 2]], "shape": [2]}, "inputs.place"),
    ],
)
def test_a_wrong_tensor_is_named(change: Any, path: str) -> None:
    tensor = {"name": "weight", "shape": [1], "datatype": "FP32", "data": [1], **change}
    if path == "inputs.place":  # the tensor is right, others are missing
        assert paths({"inputs": [tensor]}, open_inference=True)[0] == path
    else:
        assert path in paths({"inputs": [tensor]}, open_inference=True)


def test_a_tensor_given_twice_or_half_is_refused() -> None:
    tensor = {"name": "weight", "shape": [1], "datatype": "FP32", "data": [1]}
    assert paths({"inputs": [tensor, tensor]}, open_inference=True) == ["inputs[1].name"]
    assert paths({"inputs": [{"name": "weight"}]}, open_inference=True) == [
        "inputs[0].shape",
        "inputs[0].datatype",
        "inputs[0].data",
    ]
    assert paths({"inputs": "x"}, open_inference=True) == ["inputs"]
    assert paths({"outputs": []}, open_inference=True) == ["inputs"]
    body = tensors([GOOD], nested=False)
    assert paths({**body, "outputs": [{"name": "odds"}]}, open_inference=True) == ["outputs"]
    assert paths({**body, "parameters": 1}, open_inference=True) == ["parameters"]


def test_id_metadata_and_outputs_are_handed_on() -> None:
    request = read({"instances": [GOOD], "id": "mine", "metadata": {"shop": "Berlin"}})
    assert (request.id, request.metadata, request.outputs) == ("mine", {"shop": "Berlin"}, None)
    body = tensors([GOOD], nested=False)
    body |= {"parameters": {"metadata": {"a": 1}}, "outputs": [{"name": "predictions"}]}
    request = read_tensors(body)
    assert (request.metadata, request.outputs) == ({"a": 1}, ("predictions",))


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"instances": [{"weight": NaN}]}', b"[" * 10_000, b'"\xff"', b'"\\ud800"']
)
def test_what_is_not_json_is_400(body: Any) -> None:
    with pytest.raises(RequestError) as caught:
        READER.read(body)
    assert caught.value.status == 400


def test_an_infinite_number_is_named() -> None:
    body = json.dumps({"instances": [GOOD]}).replace("1.5", "1e999").encode()
    with pytest.raises(RequestError) as caught:
        READER.read(body)
    assert [each.path for each in caught.value.fields] == ["instances[0].weight"]


def test_too_much_is_413() -> None:
    assert refusal({"instances": [GOOD] * (MAX_ROWS + 1)}).status == 413
    assert read({"instances": [GOOD] * MAX_ROWS}).size == MAX_ROWS
    with pytest.raises(RequestError) as caught:
        READER.read(b" " * (MAX_BYTES + 1))
    assert caught.value.status == 413
