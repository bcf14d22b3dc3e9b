"""Every form says the same, and every fault is named in the caller's own words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.capture.request_log import MAX_ROWS
from evergreen.errors import MAX_FIELD_ERRORS, FieldError, RequestError
from evergreen.model_definition import ModelDefinition
from evergreen.serving.bodies import MAX_BYTES
from evergreen.serving.request_forms import ABSENT
from evergreen.serving.request_options import MAX_ID_LENGTH, MAX_METADATA_BYTES
from evergreen.serving.requests import PredictionRequest, RequestReader
from evergreen.serving.value_faults import MAX_LISTED, fault

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
whole = st.integers(-(2**24), 2**24) | st.integers(-1000, 1000).map(float)
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
    return RequestReader(DEFINITION).read(json.dumps(body).encode())


def read_tensors(body: Any) -> PredictionRequest:
    return RequestReader(DEFINITION).read_open_inference(json.dumps(body).encode())


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


def written(request: PredictionRequest) -> dict[str, list[Any]]:
    return {name: list(values) for name, values in request.written.items()}


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
        assert written(request) == columns_of(rows), form
    for nested in (True, False):
        request = read_tensors(tensors(rows, nested=nested))
        assert same(request.columns, expected)
        assert written(request) == columns_of(rows)


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
        ("weight", ABSENT, "is missing"),
        ("weight", {}, "must be a number, not an object"),
        ("weight", 10**39, "is beyond the range of a 32-bit float"),
        ("weight", 1e39, "is beyond the range of a 32-bit float"),
        ("count", 1.5, "must be a whole number, not 1.5"),
        ("count", "", "must be a whole number, not an empty string"),
        ("new", 1, "must be true or false, not a number"),
        ("place", "", "must not be an empty string"),
        ("place", 3, "must be a string, not a number"),
        ("kind", ["a"], "must be a string, not a list"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: Any, says: str) -> None:
    row = {**GOOD, name: value}
    if value is ABSENT:
        del row[name]
    (found,) = refusal({"instances": [GOOD, GOOD, row]}).fields
    assert found.path == f"instances[2].{name}"
    assert found.message == says


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


FORM = "must have exactly one of instances, inputs, dataframe_split, dataframe_records"
OTHER = "is not known here; allowed: dataframe_records, dataframe_split, id, inputs, instances"


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ([], "$", "must be an object"),
        ({}, "$", f"{FORM}; found none"),
        ({"instances": [GOOD], "inputs": [GOOD]}, "$", f"{FORM}; found instances, inputs"),
        ({"instances": []}, "$", "must have at least one row"),
        (
            {"instances": "x"},
            "instances",
            "must be a list of objects by feature name, or of lists in feature order",
        ),
        ({"instances": [GOOD], "rows": 1}, "rows", f"{OTHER}, metadata, params"),
        (
            {"instances": [[1, 2]]},
            "instances[0]",
            "must be a list of 6 values: weight, kind, count, new, place, height",
        ),
        ({"instances": [GOOD, 3]}, "instances[1]", "must be an object by feature name"),
        (
            {"instances": [list(GOOD.values()), GOOD]},
            "instances[1]",
            "must be a list of 6 values: weight, kind, count, new, place, height",
        ),
        ({"inputs": {"weight": 1}}, "inputs.weight", "must be a list of values, one for each row"),
        (
            {"inputs": {"weight": [1, 2], "place": ["a"]}},
            "inputs.place",
            "has 1 values, the longest has 2",
        ),
        (
            {"dataframe_split": []},
            "dataframe_split",
            'must be an object {"columns": [...], "data": [[...], ...]}',
        ),
        (
            {"dataframe_split": {"columns": "weight", "data": []}},
            "dataframe_split.columns",
            "must be a list of feature names",
        ),
        (
            {"dataframe_split": {"columns": [], "data": {}}},
            "dataframe_split.data",
            "must be a list of rows, each a list of values",
        ),
        (
            {"dataframe_split": {"columns": [], "rows": []}},
            "dataframe_split.rows",
            "is not known here; allowed: columns, data",
        ),
        ({"dataframe_records": [[1]]}, "dataframe_records[0]", "must be an object by feature name"),
        ({"instances": [GOOD], "id": ""}, "id", "must be a string of 1 to 128 characters"),
        ({"instances": [GOOD], "metadata": []}, "metadata", "must be an object"),
        (
            {"instances": [GOOD], "metadata": {"shadow": 1, "role": "me"}},
            "metadata.role",
            "is written by the service; choose another name",
        ),
        (
            {"instances": [GOOD], "metadata": {"a": "x" * MAX_METADATA_BYTES}},
            "metadata",
            "must be at most 1024 bytes: every row's record has it",
        ),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused(body: Any, path: str, message: str) -> None:
    error = refusal(body)
    assert error.status == 422
    assert error.fields[0] == FieldError(path, message)


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


@pytest.mark.parametrize(
    "outputs", ["predictions", {"name": "predictions"}, [None], [{}], {}, 0, ""]
)
def test_outputs_that_no_model_has_are_refused(outputs: Any) -> None:
    body = {**tensors([GOOD], nested=False), "outputs": outputs}
    (found,) = refusal(body, open_inference=True).fields
    known = "predictions, confidences, probabilities, intervals"
    message = f"must be a list of objects whose name is one of {known}"
    assert found == FieldError("outputs", message)


def test_an_open_inference_request_is_refused_in_its_own_words() -> None:
    body = tensors([GOOD], nested=False)

    def found(changed: Any) -> FieldError:
        return refusal(changed, open_inference=True).fields[0]

    allowed = (
        "is not known here; allowed: id, inputs, model_name, model_version, outputs, parameters"
    )
    assert found({}) == FieldError("inputs", "is missing")
    assert found({**body, "rows": 1}) == FieldError("rows", allowed)
    assert found({**body, "parameters": 1}) == FieldError("parameters", "must be an object")
    metadata = FieldError("parameters.metadata", "must be an object")
    assert found({**body, "parameters": {"metadata": 1}}) == metadata
    with pytest.raises(RequestError, match="the body does not fit the model"):
        read_tensors({})
    with pytest.raises(RequestError, match="the body has unknown keys"):
        read_tensors({**body, "rows": 1})


def test_id_and_metadata_are_taken_up_to_their_limits() -> None:
    longest = "i" * MAX_ID_LENGTH
    metadata = {"a": "x" * (MAX_METADATA_BYTES - len('{"a":""}'))}
    request = read({"instances": [GOOD], "id": longest, "metadata": metadata})
    assert (request.id, request.metadata) == (longest, metadata)
    assert paths({"instances": [GOOD], "id": longest + "i"}) == ["id"]
    assert paths({"instances": [GOOD], "id": 7}) == ["id"]
    longer = {"a": metadata["a"] + "x"}
    assert paths({"instances": [GOOD], "metadata": longer}) == ["metadata"]
    assert read({"instances": [GOOD], "metadata": None, "id": None}).metadata == {}


@pytest.mark.parametrize("sign", [1, -1])
def test_floats_are_taken_up_to_the_range_of_a_32_bit_float(sign: int) -> None:
    name = "weight"
    beyond = sign * (2.0**128 - 2.0**103)
    largest = sign * np.finfo(np.float32).max
    for written in (float(largest), sign * 3.4028235e38, float(np.nextafter(beyond, 0))):
        request = read({"instances": [{**GOOD, name: written}]})
        assert request.columns[name][0] == largest
    (found,) = refusal({"instances": [{**GOOD, name: beyond}]}).fields
    assert found == FieldError(f"instances[0].{name}", "is beyond the range of a 32-bit float")


@pytest.mark.parametrize("sign", [1, -1])
def test_whole_numbers_are_taken_as_long_as_they_are_exact(sign: int) -> None:
    request = read({"instances": [{**GOOD, "count": sign * 2**24}]})
    assert int(request.columns["count"][0]) == sign * 2**24
    for beyond in (sign * (2**24 + 1), sign * 20_131_231.0, sign * 2**70):
        (found,) = refusal({"instances": [GOOD, {**GOOD, "count": beyond}]}).fields
        assert found.path == "instances[1].count"
        assert "16777216" in found.message


def test_a_category_outside_a_closed_set_is_named_with_those_that_are_taken() -> None:
    known = frozenset(f"k{number:02}" for number in range(MAX_LISTED + 2)) | {""}
    reader = RequestReader(DEFINITION, {"kind": known})
    taken = [{**GOOD, "kind": "k03"}, {**GOOD, "kind": None}]
    assert reader.read(json.dumps({"instances": taken}).encode()).size == 2
    with pytest.raises(RequestError) as caught:
        reader.read(json.dumps({"instances": [*taken, {**GOOD, "kind": "new"}]}).encode())
    (found,) = caught.value.fields
    assert (caught.value.status, found.path) == (422, "instances[2].kind")
    assert found.message.endswith("k08, k09 and 2 more")


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
        RequestReader(DEFINITION).read(body)
    assert caught.value.status == 400
    assert caught.value.what.startswith("the body is not valid JSON: ")


def test_a_bare_nan_is_told_with_its_field() -> None:
    with pytest.raises(RequestError) as caught:
        RequestReader(DEFINITION).read(b'{"instances": [{"weight": NaN}]}')
    assert "instances[0].weight: NaN is not JSON, send null" in caught.value.what


def test_an_infinite_number_is_named() -> None:
    body = json.dumps({"instances": [GOOD]}).replace("1.5", "1e999").encode()
    with pytest.raises(RequestError) as caught:
        RequestReader(DEFINITION).read(body)
    assert [each.path for each in caught.value.fields] == ["instances[0].weight"]


def test_too_much_is_413() -> None:
    error = refusal({"instances": [GOOD] * (MAX_ROWS + 1)})
    assert (error.status, error.what) == (413, "5001 rows; at most 5000 are taken at a time")
    assert read({"instances": [GOOD] * MAX_ROWS}).size == MAX_ROWS
    with pytest.raises(RequestError) as caught:
        RequestReader(DEFINITION).read(b" " * (MAX_BYTES + 1))
    assert caught.value.status == 413
    assert f"has {MAX_BYTES + 1} bytes; at most {MAX_BYTES} are" in caught.value.what
    body = json.dumps({"instances": [GOOD]}).encode()
    assert RequestReader(DEFINITION).read(body.ljust(MAX_BYTES)).size == 1
