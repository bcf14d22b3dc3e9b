"""Nodes and constants that are added to a graph that came from a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ForeignGraph:
    """A graph with an input for each feature, and its own outputs.

    Parameters
    ----------
    model
        The model. Its outputs are those of the file, but a map for each row is the tensor that it
        is made of.
    classes
        The classes of the columns of that tensor, as text; None where there was no map.
    prefix
        Begins the name of every value that came from the file. No feature's name begins with it,
        or with it and a slash before, which begins the names of the values that are added.
    """

    model: onnx.ModelProto
    classes: tuple[str, ...] | None
    prefix: str

    def shown(self, name: str) -> str:
        """Return the name that a value has in the file."""
        return name.removeprefix(self.prefix)

    def add(self, operator: str, inputs: list[str], output: str, **attributes: int) -> str:
        """Add a node behind the others and return the name of its output.

        ``output`` is that name, or what ends it if it begins with a slash.
        """
        name = f"/{self.prefix}{output}" if output.startswith("/") else output
        node = helper.make_node(operator, inputs, [name])
        node.attribute.extend(
            helper.make_attribute(key, value) for key, value in attributes.items()
        )
        self.model.graph.node.append(node)
        return name

    def constant(self, what: str, values: NDArray[Any]) -> str:
        """Add a constant and return its name; the same one again is the one that is there."""
        name = f"/{self.prefix}/{what}"
        if all(each.name != name for each in self.model.graph.initializer):
            self.model.graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    def reshaped(self, name: str, sizes: list[int], output: str) -> str:
        """Add a node that gives a tensor another shape, and return the name of its output."""
        shape = self.constant(f"shape_{len(sizes)}", np.array(sizes, dtype=np.int64))
        return self.add("Reshape", [name, shape], output)

    def declare(self, outputs: dict[str, np.dtype[Any]]) -> None:
        """Replace the graph's outputs by these, with the type of each; object is text."""
        del self.model.graph.output[:]
        for name, kind in outputs.items():
            text = kind.kind == "O"
            element = TensorProto.STRING if text else helper.np_dtype_to_tensor_dtype(kind)
            self.model.graph.output.append(helper.make_tensor_value_info(name, element, None))
