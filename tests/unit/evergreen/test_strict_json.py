"""JSON without NaN, and what is said where a text has it."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.strict_json import nan_fault, parse_strict_json

values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


def is_finite(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    if isinstance(value, list):
        return all(map(is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


@given(values)
def test_what_is_finite_is_read_and_nothing_else(value: object) -> None:
    text = json.dumps(value)
    if is_finite(value):
        assert parse_strict_json(text) == value
        assert nan_fault(text) is None
    else:
        with pytest.raises(ValueError, match="is not JSON, send null"):
            parse_strict_json(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [("NaN", "$"), ('[1, {"a": -Infinity}]', "$[1].a"), ('{"a": [0, 1e999]}', "a[1]")],
)
def test_the_field_is_named(text: str, path: str) -> None:
    with pytest.raises(ValueError, match="send null") as caught:
        parse_strict_json(text)
    assert str(caught.value).startswith(f"{path}: ")


def test_any_other_fault_is_the_parsers() -> None:
    with pytest.raises(ValueError, match="at line 1 column 1"):
        parse_strict_json("{")
