"""An ONNX file of the user's, brought into the form in which bundles serve.

A bundle's model has one input for each feature, of shape (rows, 1), and gives the labels and the
probability of each class, or a number for each row. A file of another framework often takes all
features in one tensor, in 64 bits or as whole numbers, and gives only probabilities, or a map for
each row. So nodes are put in front of its graph and behind it, and serving needs to know nothing
of where it came from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

from evergreen.errors import BundleError
from evergreen.training.foreign.nodes import ForeignGraph

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.model_definition import ModelDefinition

OLDEST_OPSET = 7
"""Oldest version of ONNX' operators that a file may use."""

_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)
_WHOLE = (TensorProto.INT64, TensorProto.INT32)
_NAMES = {kind: name.lower() for name, kind in TensorProto.DataType.items()}
_DYNAMIC = (
    "Export it with a number of rows that is not fixed (PyTorch: dynamic_axes={'input': {0: "
    "'rows'}}, Keras: a first dimension of None)."
)


def read_foreign(file: Path, definition: ModelDefinition) -> ForeignGraph:
    """Read an ONNX file, hold its inputs against the features, and give it an input for each.

    An input that has the name of a feature takes that feature. One more input may take all the
    features that are left, in the order of ``model.toml``.

    Raises
    ------
    BundleError
        If it is no ONNX file, or takes something else than the features; the message names the
        input and the feature.
    """
    try:
        theirs = onnx.load(file)
    except FileNotFoundError as error:
        missing = "file not found" if not file.exists() else f"its weights are missing: {error}"
        raise BundleError(missing, where=str(file)) from error
    except Exception as error:  # protobuf's errors, and onnx' about weights in other files
        raise BundleError(
            f"it cannot be read as ONNX: {error}",
            where=str(file),
            fix="Export the model to ONNX again, or name the file that has it.",
        ) from error
    if not theirs.graph.node:  # an empty file is an ONNX file of nothing
        raise BundleError(
            "there is no model in it", where=str(file), fix="Export the model to ONNX again."
        )
    _require_opset(theirs, file)
    prefix = "their_"
    while any(name.startswith((prefix, f"/{prefix}")) for name in definition.features):
        prefix = f"_{prefix}"
    model = onnx.compose.add_prefix(theirs, prefix)
    if not any(each.domain == "" for each in model.opset_import):
        model.opset_import.append(helper.make_opsetid("", 13))
    graph = ForeignGraph(model, _without_maps(model), prefix)
    _feed(graph, definition, file)
    return graph


def _require_opset(model: onnx.ModelProto, file: Path) -> None:
    for each in model.opset_import:
        if each.domain in {"", "ai.onnx"} and each.version < OLDEST_OPSET:
            raise BundleError(
                f"it uses version {each.version} of ONNX' operators",
                where=str(file),
                fix=f"Export it with opset {OLDEST_OPSET} or newer.",
            )
        if each.domain == "ai.onnx":
            each.domain = ""  # the same domain by its other name


def _without_maps(model: onnx.ModelProto) -> tuple[str, ...] | None:
    """Take ZipMap, which makes a map of each row, off the graph's outputs; return its classes."""
    graph, classes = model.graph, None
    for node in [each for each in graph.node if each.op_type == "ZipMap"]:
        named = {
            attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute
        }
        labels = named.get("classlabels_int64s") or named.get("classlabels_strings") or ()
        classes = tuple(
            label.decode() if isinstance(label, bytes) else str(label) for label in labels
        )
        for place, output in enumerate(graph.output):
            if output.name == node.output[0]:
                tensor = helper.make_tensor_value_info(node.input[0], TensorProto.FLOAT, None)
                graph.output[place].CopyFrom(tensor)
        graph.node.remove(node)
    return classes


def _feed(foreign: ForeignGraph, definition: ModelDefinition, file: Path) -> None:
    """Replace the graph's inputs by one for each feature."""
    graph = foreign.model.graph
    constant = {each.name for each in graph.initializer}
    theirs = [each for each in graph.input if each.name not in constant]
    taken = _matched(theirs, definition, foreign, file)
    del graph.input[:]
    for name, feature in definition.features.items():
        kind = TensorProto.FLOAT if feature.is_numeric else TensorProto.STRING
        graph.input.append(helper.make_tensor_value_info(name, kind, [None, 1]))
    own = list(graph.node)
    del graph.node[:]
    for value, names in taken:
        _bridge(foreign, value, names)
    graph.node.extend(own)


def _matched(
    theirs: list[onnx.ValueInfoProto],
    definition: ModelDefinition,
    foreign: ForeignGraph,
    file: Path,
) -> list[tuple[onnx.ValueInfoProto, list[str]]]:
    """Return which features each input takes."""
    features = definition.features
    named = {foreign.shown(value.name): value for value in theirs}
    rest = [name for name in features if name not in named]
    others = [name for name in named if name not in features]
    if len(others) > 1 or (others and not rest):
        raise BundleError(
            f"its inputs {', '.join(others)} are no features, and "
            f"{', '.join(rest) or 'none'} of the features has no input",
            where=str(file),
            fix="Give the features in model.toml the names of the inputs, or the inputs the names "
            "of the features; or export the model with one input for all features.",
        )
    if rest and not others:
        raise BundleError(
            f"it has no input for {', '.join(rest)}",
            where=str(file),
            fix=f"Take the features out of models/{definition.name}/model.toml, or export the "
            "model with them.",
        )
    found = [(named[name], [name]) for name in features if name in named]
    found += [(named[name], rest) for name in others]
    for value, names in found:
        _require_fit(value, foreign.shown(value.name), names, definition, file)
    return found


def _require_fit(
    value: onnx.ValueInfoProto,
    name: str,
    names: list[str],
    definition: ModelDefinition,
    file: Path,
) -> None:
    """Check that an input takes these features."""
    where = f"{file}, input {name}"
    if not value.type.HasField("tensor_type"):
        raise BundleError("it is no tensor", where=where, fix="Export the model with tensors.")
    kind = value.type.tensor_type.elem_type
    dims = [each.dim_value for each in value.type.tensor_type.shape.dim]  # 0 where it is open
    if len(dims) not in {1, 2} or (len(dims) == 1 and len(names) > 1):
        raise BundleError(
            f"it has {len(dims)} dimensions",
            where=where,
            fix=f"Export the model for rows of {len(names)} values: shape (rows, {len(names)}).",
        )
    if dims[0] > 0:
        raise BundleError(f"it takes exactly {dims[0]} rows", where=where, fix=_DYNAMIC)
    if len(dims) == 2 and dims[1] not in {0, len(names)}:
        raise BundleError(
            f"it takes {dims[1]} values a row, and there are {len(names)} features for it: "
            f"{', '.join(names[:20])}{', …' if len(names) > 20 else ''}",
            where=where,
            fix=f"List in models/{definition.name}/model.toml the features that the model takes, "
            "in its order.",
        )
    for feature_name in names:
        if why := _misfit(kind, definition, feature_name):
            raise BundleError(
                f"it takes {_NAMES.get(kind, kind)}, and feature {feature_name} {why[0]}",
                where=where,
                fix=why[1],
            )


def _misfit(kind: int, definition: ModelDefinition, name: str) -> tuple[str, str] | None:
    """Return why a feature's values are none of a tensor's type, and what to do; else None."""
    feature, file = definition.features[name], f"models/{definition.name}/model.toml"
    whole = kind in _WHOLE or (kind == TensorProto.BOOL and feature.type == "boolean")
    found = None
    if (kind == TensorProto.STRING) == (not feature.is_numeric) and kind in {
        *_FLOATS,
        TensorProto.STRING,
    }:
        return None
    if not feature.is_numeric:
        found = (
            f"is a {feature.type}, and no number",
            (
                f"Send it as a number (type 'integer' in {file}) as training encoded it, or export "
                "the encoding as a part of the model."
            ),
        )
    elif kind == TensorProto.STRING:
        found = f"is a number ({feature.type})", f"Give it type 'category' in {file}."
    elif not whole or feature.type == "float":
        found = (
            f"has the type {feature.type}",
            (f"Give it type 'integer' or 'boolean' in {file}, or export the model for floats."),
        )
    elif feature.nullable:
        found = (
            "may be missing, which only a float can say",
            (f"Take nullable from it in {file}, or export the model for floats."),
        )
    return found


def _bridge(foreign: ForeignGraph, value: onnx.ValueInfoProto, names: list[str]) -> None:
    """Add the nodes that make an input of the file from the features that it takes."""
    tensor = value.type.tensor_type
    name = names[0]
    if len(names) > 1:
        name = foreign.add("Concat", names, f"/{value.name}/row", axis=1)
    if len(tensor.shape.dim) == 1:
        name = foreign.reshaped(name, [-1], f"/{value.name}/flat")
    if tensor.elem_type in {TensorProto.FLOAT, TensorProto.STRING}:
        foreign.add("Identity", [name], value.name)
    else:
        foreign.add("Cast", [name], value.name, to=tensor.elem_type)
