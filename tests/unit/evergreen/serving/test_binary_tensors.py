"""Binary tensors: read back what was written, and refuse what does not fit, naming it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.errors import RequestError
from evergreen.serving.binary_tensors import read_binary, to_binary

VALUES = st.one_of(
    st.tuples(st.just("FP64"), st.lists(st.floats(allow_nan=False))),
    st.tuples(st.just("FP32"), st.lists(st.floats(allow_nan=False, width=32))),
    st.tuples(st.just("INT64"), st.lists(st.integers(-(2**63), 2**63 - 1))),
    st.tuples(st.just("UINT8"), st.lists(st.integers(0, 255))),
    st.tuples(st.just("BOOL"), st.lists(st.booleans())),
    st.tuples(st.just("BYTES"), st.lists(st.text(st.characters(exclude_categories=["Cs"])))),
)


def body(tensors: list[tuple[str, bytes]], *, cut: int = 0) -> tuple[bytes, str]:
    inputs = [
        {"name": f"t{at}", "datatype": kind, "parameters": {"binary_data_size": len(raw)}}
        for at, (kind, raw) in enumerate(tensors)
    ]
    head = json.dumps({"inputs": inputs}).encode()
    whole = head + b"".join(raw for _, raw in tensors)
    return whole[: len(whole) - cut], str(len(head))


@given(st.lists(VALUES, min_size=1, max_size=3))
def test_values_read_back_as_they_were_written(tensors: list[tuple[str, list[Any]]]) -> None:
    content = read_binary(*body([(kind, to_binary(values, kind)) for kind, values in tensors]))
    assert [tensor["data"] for tensor in content["inputs"]] == [values for _, values in tensors]


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ((b"{}", "9"), "inference-header-content-length"),
        ((b"{}", "-1"), "inference-header-content-length"),
        ((b"{}", "9" * 5000), "inference-header-content-length"),
        ((b"{}rest", "2"), "$"),
        (body([("FP32", b"12345678")], cut=3), "inputs[0].parameters.binary_data_size"),
        (body([("FP32", b"123")]), "inputs[0].parameters.binary_data_size"),
        (body([("BF16", b"12")]), "inputs[0].parameters.binary_data_size"),
        (body([("BYTES", b"\x09\x00\x00\x00ab")]), "inputs[0].parameters.binary_data_size"),
        (body([("BYTES", b"\x01\x00\x00\x00\xff")]), "inputs[0].parameters.binary_data_size"),
    ],
)
def test_bytes_that_do_not_fit_are_refused(sent: tuple[bytes, str], path: str) -> None:
    with pytest.raises(RequestError) as refused:
        read_binary(*sent)
    assert refused.value.fields[0].path == path
