"""The quick reader of tensors takes what the careful one takes, and leaves it the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.errors import RequestError
from evergreen.serving.quick_tensors import QuickTensorReader
from evergreen.serving.requests import PredictionRequest, RequestReader
from tests.unit.evergreen.serving.test_requests import (
    DEFINITION,
    FEATURES,
    GOOD,
    any_value,
    fitting,
    same,
)

READER = RequestReader(DEFINITION)
QUICK = QuickTensorReader(FEATURES)
DATATYPES = {"float": "FP32", "integer": "INT64", "boolean": "BOOL", "category": "BYTES"}


def tensors(rows: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "shape": [len(rows)],
            "datatype": DATATYPES[feature.type],
            "data": [row[name] for row in rows],
            **more,
        }
        for name, feature in FEATURES.items()
    ]


def body(inputs: Any, **more: Any) -> bytes:
    return json.dumps({"inputs": inputs, **more}).encode()


def read_or_refused(sent: bytes) -> PredictionRequest | list[tuple[str, str]]:
    try:
        return READER.read_open_inference(sent)
    except RequestError as error:
        return [(each.path, each.message) for each in error.fields]


some_rows = st.lists(
    fitting | st.fixed_dictionaries(dict.fromkeys(FEATURES, any_value)), min_size=1, max_size=3
)


@given(some_rows, st.sampled_from([{}, {"id": "a"}, {"id": ""}, {"outputs": [{"name": "no"}]}]))
def test_both_readers_take_the_same_and_refuse_the_same(
    rows: list[dict[str, Any]], beside: dict[str, Any]
) -> None:
    quick = read_or_refused(body(tensors(rows), **beside))
    careful = read_or_refused(body(tensors(rows, more=1), **beside))
    if isinstance(quick, list) or isinstance(careful, list):
        assert quick == careful
        return
    assert same(quick.columns, careful.columns)
    # 1, 1.0 and true are equal, and as texts they differ.
    assert [repr([*each]) for each in quick.written.values()] == [
        repr([*each]) for each in careful.written.values()
    ]
    assert (quick.id, quick.outputs, quick.binary) == (careful.id, careful.outputs, careful.binary)


def test_what_stands_beside_the_tensors_is_read_too() -> None:
    beside: dict[str, Any] = {
        "id": "a",
        "model_name": "m",
        "outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}],
        "parameters": {"metadata": {"a": [1, None]}},
    }
    read = READER.read_open_inference(body(tensors([GOOD, GOOD]), **beside))
    assert QUICK.read(body(tensors([GOOD, GOOD]), **beside)) is not None
    assert (read.id, read.metadata, read.size) == ("a", {"a": [1, None]}, 2)
    assert (read.outputs, read.probabilities) == (("probabilities",), True)
    assert read.binary == {"probabilities"}


GIVEN = tensors([GOOD])
FIRST = GIVEN[0]


@pytest.mark.parametrize(
    "sent",
    [
        b'{"inputs": [',
        b"{}",
        body([]),
        body({}),
        body(GIVEN[1:]),
        body([*GIVEN, FIRST]),
        body([*GIVEN[:-1], FIRST]),
        body([{**FIRST, "name": "other"}, *GIVEN[1:]]),
        body([{**FIRST, "datatype": "BYTES"}, *GIVEN[1:]]),
        body([{**FIRST, "shape": [2]}, *GIVEN[1:]]),
        body([{**FIRST, "shape": [1, 1, 1]}, *GIVEN[1:]]),
        body([{**FIRST, "shape": []}, *GIVEN[1:]]),
        body([{**FIRST, "shape": [1.0]}, *GIVEN[1:]]),
        body([{**FIRST, "data": [[1.0]]}, *GIVEN[1:]]),
        body([{**FIRST, "data": [1.0, 2.0]}, *GIVEN[1:]]),
        body([{**FIRST, "more": 1}, *GIVEN[1:]]),
        body(tensors([])),
        body(GIVEN, more=1),
        body(GIVEN)[:-1] + b', "id": 1e}',
    ],
)
def test_the_rest_is_left_to_the_careful_reader(sent: bytes) -> None:
    assert QUICK.read(sent) is None


def test_columns_of_one_have_the_shape_of_rows_too() -> None:
    read = QUICK.read(body([{**each, "shape": [1, 1]} for each in reversed(GIVEN)]))
    assert read is not None
    assert [*read.columns] == [*FEATURES]
    assert read.size == 1
