"""What a file takes is held against the features, or refused by input, feature and fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from evergreen.errors import BundleError
from evergreen.training.foreign.inputs import read_foreign
from tests.support.foreign_models import FEATURES, columns, definition, logits, network, tensor

if TYPE_CHECKING:
    from pathlib import Path


def written(file: Path, inputs: list[onnx.ValueInfoProto], **more: Any) -> Path:
    """Write a graph that adds up its inputs, each cast to a 32-bit float."""
    nodes = [
        helper.make_node("Cast", [each.name], [f"{each.name}_32"], to=TensorProto.FLOAT)
        for each in inputs
    ]
    names = [f"{each.name}_32" for each in inputs]
    nodes.append(helper.make_node("Sum", names, ["total"]))
    graph = helper.make_graph(nodes, "sum", inputs, [tensor("total", TensorProto.FLOAT, None, 1)])
    opset = helper.make_opsetid("", more.get("opset", 15))
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), file)
    return file


def answered(file: Path) -> np.ndarray:
    model = read_foreign(file, definition()).model
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    assert [each.name for each in session.get_inputs()] == list(FEATURES)
    [found] = session.run(None, {name: v.reshape(-1, 1) for name, v in columns().items()})
    return np.asarray(found).ravel()


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16])
def test_one_tensor_takes_all_features_in_their_order(tmp_path: Path, kind: int) -> None:
    found = answered(network(tmp_path / "m.onnx", kind=kind))
    expected = 1 / (1 + np.exp(-logits(columns())))
    assert np.abs(found - expected).max() < (0.01 if kind == TensorProto.FLOAT16 else 1e-6)


def test_inputs_are_told_by_name_and_one_more_takes_the_rest(tmp_path: Path) -> None:
    inputs = [
        tensor("stops", TensorProto.INT64, "rows"),
        tensor("others", TensorProto.DOUBLE, "rows", 1),
        tensor("wind", TensorProto.FLOAT, None, 1),
    ]
    model = read_foreign(written(tmp_path / "m.onnx", inputs), definition()).model
    session = onnxruntime.InferenceSession(model.SerializeToString())
    one = {"wind": 0.5, "a b": 0.25, "stops": 7.0}
    [found] = session.run(
        None, {name: np.array([[value]], np.float32) for name, value in one.items()}
    )
    assert found.tolist() == [[7.75]]


def test_weights_in_a_file_beside_it_are_read_and_missed(tmp_path: Path) -> None:
    file = network(tmp_path / "m.onnx")
    model = onnx.load(file)
    onnx.save(model, file, save_as_external_data=True, location="m.data", size_threshold=0)
    assert answered(file).size == 200
    (tmp_path / "m.data").unlink()
    with pytest.raises(BundleError, match=r"m\.data"):
        read_foreign(file, definition())


FLOAT, WHOLE, TEXT = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([tensor("x", FLOAT, None, 4)], "input x: it takes 4 values a row, and there are 3"),
        ([tensor("x", FLOAT, 1, 3)], "input x: it takes exactly 1 rows. Export it with a number"),
        ([tensor("x", FLOAT, None, 3, 3)], "input x: it has 3 dimensions"),
        ([tensor("wind", FLOAT, None, 1)], "no input for a b, stops. Take the features out"),
        (
            [tensor("x", FLOAT, None, 1), tensor("y", FLOAT, None, 1)],
            "inputs x, y are no features, and wind, a b, stops of the features has no input",
        ),
        ([tensor("x", WHOLE, None, 3)], "input x: it takes int64, and feature wind has the type"),
        ([tensor("x", TEXT, None, 3)], "it takes string, and feature wind is a number"),
    ],
    ids=["wide", "rows", "cube", "missing", "strange", "whole", "text"],
)
def test_what_does_not_fit_is_refused_by_its_name(
    tmp_path: Path, inputs: list[onnx.ValueInfoProto], message: str
) -> None:
    with pytest.raises(BundleError) as refused:
        read_foreign(written(tmp_path / "m.onnx", inputs), definition())
    assert message in str(refused.value)
    assert str(tmp_path / "m.onnx") in str(refused.value)


def test_whole_numbers_hold_no_missing_value_and_floats_no_category(tmp_path: Path) -> None:
    for feature, kind, message in (
        ({"type": "integer", "nullable": True}, WHOLE, "may be missing, which only a float"),
        ({"type": "category"}, FLOAT, "is a category, and no number. Send it as a number"),
    ):
        file = written(tmp_path / "m.onnx", [tensor("x", kind, None, 1)])
        with pytest.raises(BundleError, match=message):
            read_foreign(file, definition(features={"x": feature}))


def test_an_old_file_and_none_at_all(tmp_path: Path) -> None:
    file = written(tmp_path / "m.onnx", [tensor("x", FLOAT, None, 3)], opset=6)
    with pytest.raises(BundleError, match="version 6 of ONNX' operators"):
        read_foreign(file, definition())
    file.write_bytes(b"no model")
    with pytest.raises(BundleError, match="cannot be read as ONNX"):
        read_foreign(file, definition())
    file.write_bytes(b"")
    with pytest.raises(BundleError, match="there is no model in it"):
        read_foreign(file, definition())
    file.unlink()
    with pytest.raises(BundleError, match="file not found"):
        read_foreign(file, definition())
