"""A bundle's files give it back, unaltered or not at all; it takes the rows it was trained for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.bundle.content import (
    ONNX_FILE,
    Bundle,
    Signature,
    TrainedFeature,
    digest_of,
    pack,
    unpack,
)
from evergreen.errors import BundleError
from evergreen.model_definition import ModelDefinition

SIGNATURE = Signature(
    task="regression",
    target="y",
    features=(TrainedFeature(name="a", type="float", min=-1.5, max=2),),
)
BUNDLE = Bundle(version="7", signature=SIGNATURE, model=b"onnx")


@given(onnx=st.binary(max_size=50))
def test_files_give_the_bundle_back(onnx: bytes) -> None:
    bundle = Bundle(version="7", signature=SIGNATURE, model=onnx)
    files = pack(bundle)
    assert unpack(files, digest_of(files), "7") == bundle


def test_altered_or_missing_files_are_refused() -> None:
    files = pack(BUNDLE)
    digest = digest_of(files)
    one_file = {ONNX_FILE: files[ONNX_FILE]}
    for other in ({**files, ONNX_FILE: b"other"}, one_file, {**files, "more": b""}):
        with pytest.raises(BundleError, match="not those that training stored"):
            unpack(other, digest, "7")


@pytest.mark.parametrize(
    "features",
    [
        {"b": {"type": "float"}},
        {"a": {"type": "integer"}},
        {"a": {"type": "float"}, "b": {"type": "float"}},
    ],
)
def test_a_bundle_for_other_features_does_not_fit(features: Any) -> None:
    shape = {"name": "m", "task": "regression", "target": "y"}
    BUNDLE.check_fits(
        ModelDefinition.model_validate({**shape, "features": {"a": {"type": "float"}}})
    )
    with pytest.raises(BundleError, match="the rows are for"):
        BUNDLE.check_fits(ModelDefinition.model_validate({**shape, "features": features}))
