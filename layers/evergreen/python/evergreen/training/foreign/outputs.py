"""The outputs of an ONNX file of the user's, as labels and probabilities or as numbers.

What an output means is not in the file: it follows from what it gives for the user's rows. A file
may give labels and probabilities, only one of them, or the probability of the second class alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from evergreen.bundle.onnx_runtime import onnxruntime
from evergreen.errors import BundleError
from evergreen.training.foreign.classes import ClassAnswers, ClassType, type_of_classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from evergreen.columns import Columns
    from evergreen.model_definition import ModelDefinition
    from evergreen.training.foreign.nodes import ForeignGraph

_NUMBERS = "variable"
_LABELS = "output_label"
_PROBABILITIES = "output_probability"
_OFF = 1e-3
"""How far a sum of probabilities may be from 1."""


@dataclass(frozen=True, slots=True)
class ServedOutputs:
    """A model as bundles have it, and what its outputs are.

    Parameters
    ----------
    model
        The model, serialised.
    classes
        The classes in the order of its probabilities, which is sorted; None for numbers.
    class_type
        The JSON type of a label.
    probabilities
        Whether it gives them.
    """

    model: bytes
    classes: tuple[str, ...] | None = None
    class_type: ClassType = "string"
    probabilities: bool = False


def settle_outputs(
    graph: ForeignGraph,
    definition: ModelDefinition,
    columns: Columns,
    seen: Sequence[str],
    named: Sequence[str] | None,
) -> ServedOutputs:
    """Find out what the outputs of a file are, and give them the form of a bundle's.

    Parameters
    ----------
    graph
        The file with an input for each feature.
    definition
        Names the task.
    columns
        Rows that it can predict.
    seen
        The labels of these rows, as text; empty for numbers.
    named
        The classes in the model's order, if the user names them.

    Raises
    ------
    BundleError
        If ONNX Runtime cannot run it, or its outputs are none of the task; the message names the
        output.
    """
    found = _run(graph, columns)
    if definition.task != "classification":
        return _numbers(graph, found)
    scores = [name for name, values in found.items() if values.dtype.kind == "f"]
    labels = [name for name in found if name not in scores]
    if not found or len(scores) > 1 or len(labels) > 1:
        raise _unclear(graph, found, "labels, or probabilities, or both")
    if labels and found[labels[0]].size != len(found[labels[0]]):
        raise _unclear(graph, found, "one label for each row")
    answers = ClassAnswers(
        found[labels[0]].ravel() if labels else None,
        found[scores[0]].reshape(len(found[scores[0]]), -1) if scores else None,
        tuple(dict.fromkeys(seen)),
        by_file=graph.classes,
        named=None if named is None else tuple(named),
    )
    return _classes(graph, answers, next(iter(labels), None), next(iter(scores), None))


def _run(graph: ForeignGraph, columns: Columns) -> dict[str, NDArray[Any]]:
    """Return the outputs of the file by name."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            graph.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        asked = {node.name for node in session.get_inputs()}
        results = session.run(
            None, {name: values.reshape(-1, 1) for name, values in columns.items() if name in asked}
        )
    except Exception as error:  # ONNX Runtime has no base class for its errors
        raise BundleError(
            f"ONNX Runtime cannot run it: {error}",
            fix="Export it without operators of another library, for an opset that ONNX Runtime "
            f"{onnxruntime.__version__} has, and with a number of rows that is not fixed.",
        ) from error
    rows = len(next(iter(columns.values())))
    found = {
        node.name: np.asarray(result)
        for node, result in zip(session.get_outputs(), results, strict=True)
    }
    for name, values in found.items():
        if values.ndim not in {1, 2} or len(values) != rows:
            raise BundleError(
                f"its output {graph.shown(name)} has the shape {values.shape} for {rows} rows",
                fix="Export it with one label or number for each row, and one probability for each "
                "class.",
            )
    return found


def _numbers(graph: ForeignGraph, found: dict[str, NDArray[Any]]) -> ServedOutputs:
    name, values = next(iter(found.items()), ("", np.zeros(0)))
    if len(found) != 1 or values.size != len(values) or values.dtype.kind not in "fiu":
        raise _unclear(graph, found, "one number for each row")
    graph.reshaped(name, [-1, 1], _NUMBERS)
    graph.declare({_NUMBERS: values.dtype})
    return ServedOutputs(graph.model.SerializeToString())


def _classes(
    graph: ForeignGraph, answers: ClassAnswers, labels: str | None, scores: str | None
) -> ServedOutputs:
    """Add the outputs of a bundle behind the file's own, whose names are given."""
    if answers.scores is not None:
        _require_probabilities(graph.shown(scores or ""), answers.scores)
    order = answers.order()
    kind = type_of_classes(order)
    ranked = sorted(order, key=int) if kind == "integer" else sorted(order)
    both = None
    if answers.scores is not None and scores is not None:
        both = scores
        if answers.scores.shape[1] == 1:
            one = graph.constant("one", np.ones(1, answers.scores.dtype))
            column = graph.reshaped(scores, [-1, 1], "/column")
            other = graph.add("Sub", [one, column], "/other")
            both = graph.add("Concat", [other, column], "/pair", axis=1)
    _add_labels(graph, answers, order, labels, both)
    declared: dict[str, np.dtype[Any]] = {
        _LABELS: np.dtype(object if kind == "string" else np.int64)
    }
    if both is not None and answers.scores is not None:
        places = np.array([order.index(name) for name in ranked], dtype=np.int64)
        graph.add("Gather", [both, graph.constant("sorted", places)], _PROBABILITIES, axis=1)
        declared[_PROBABILITIES] = answers.scores.dtype
    graph.declare(declared)
    return ServedOutputs(
        graph.model.SerializeToString(), tuple(ranked), kind, probabilities=both is not None
    )


def _add_labels(
    graph: ForeignGraph,
    answers: ClassAnswers,
    order: tuple[str, ...],
    labels: str | None,
    both: str | None,
) -> None:
    """Add the output of labels: the file's own, or the class at the place that it names."""
    kind = type_of_classes(order)
    flat = None if labels is None else graph.reshaped(labels, [-1], "/flat")
    if flat is not None and answers.are_names(order):
        if kind == "string":
            graph.add("Identity", [flat], _LABELS)
        else:  # ONNX has no boolean labels: they are 0 and 1
            graph.add("Cast", [flat], _LABELS, to=TensorProto.INT64)
        return
    if flat is not None:
        places = graph.add("Cast", [flat], "/places", to=TensorProto.INT64)
    else:
        places = graph.add("ArgMax", [both or ""], "/places", axis=1, keepdims=0)
    names: NDArray[Any]
    if kind == "string":
        names = np.array(order, dtype=object)
    else:
        numbers = [int(name == "True") if kind == "boolean" else int(name) for name in order]
        names = np.array(numbers, dtype=np.int64)
    graph.add("Gather", [graph.constant("classes", names), places], _LABELS, axis=0)


def _require_probabilities(name: str, scores: NDArray[Any]) -> None:
    sums = scores.sum(axis=1)
    alone = scores.shape[1] == 1
    inside = bool(((scores >= -_OFF) & (scores <= 1 + _OFF)).all())
    if inside and (alone or (np.abs(sums - 1) <= _OFF).all()):
        return
    found = f"values from {scores.min():.4g} to {scores.max():.4g}"
    if not alone:
        found += f", sums of a row from {sums.min():.4g} to {sums.max():.4g}"
    raise BundleError(
        f"its output {name} is no probability: {found}",
        fix=f"Export it with {'a sigmoid' if alone else 'a softmax over the classes'} as its last "
        "step.",
    )


def _unclear(graph: ForeignGraph, found: dict[str, NDArray[Any]], wanted: str) -> BundleError:
    shown = [
        f"{graph.shown(name)} ({values.dtype}, shape {values.shape})"
        for name, values in found.items()
    ]
    return BundleError(
        f"its outputs are {', '.join(shown) or 'none'}, and the task asks for {wanted}",
        fix="Export the model with these outputs only.",
    )
