"""ONNX files as other frameworks write them, for tests of the import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from evergreen.model_definition import ModelDefinition

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from evergreen.columns import Columns

FEATURES = ("wind", "a b", "stops")
WEIGHTS = np.array([[2.0], [-1.0], [0.1]], np.float32)


def definition(task: str = "classification", **more: Any) -> ModelDefinition:
    features = {"wind": {"type": "float"}, "a b": {"type": "float"}, "stops": {"type": "integer"}}
    content = {"name": "late_bus", "task": task, "target": "late", "features": features}
    return ModelDefinition.model_validate({**content, **more})


def columns(rows: int = 200) -> Columns:
    random = np.random.default_rng(3)
    found = {name: random.normal(size=rows).astype(np.float32) for name in FEATURES}
    return {**found, "stops": random.integers(0, 9, rows).astype(np.float32)}


def logits(given: Columns) -> NDArray[np.float64]:
    stacked = np.stack([given[name] for name in FEATURES], axis=1).astype(np.float64)
    return (stacked @ WEIGHTS.astype(np.float64)).ravel()


def tensor(name: str, kind: int, *shape: int | str | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))


def network(
    file: Path,
    *,
    end: str = "Sigmoid",
    kind: int = TensorProto.FLOAT,
    rows: int | str = "rows",
    weights: NDArray[Any] = WEIGHTS,
    extra: list[onnx.NodeProto] | None = None,
    outputs: list[onnx.ValueInfoProto] | None = None,
) -> Path:
    """Write a layer of neurons over one tensor of all features, as PyTorch and Keras export it."""
    numbers = numpy_helper.from_array(
        weights.astype(helper.tensor_dtype_to_np_dtype(kind)), "weights"
    )
    nodes = [
        helper.make_node("MatMul", ["input", "weights"], ["z"]),
        helper.make_node(end, ["z"], ["p"]),
    ]
    graph = helper.make_graph(
        [*nodes, *(extra or [])],
        "network",
        [tensor("input", kind, rows, len(weights))],
        outputs or [tensor("p", kind, rows, weights.shape[1])],
        [numbers],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="pytorch"
    )
    onnx.save(model, file)
    return file
