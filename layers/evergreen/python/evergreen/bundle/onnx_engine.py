"""ONNX Runtime as the engine of a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evergreen.bundle.onnx_runtime import onnxruntime
from evergreen.bundle.words import to_words
from evergreen.errors import BundleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evergreen.bundle.content import Bundle
    from evergreen.columns import Columns

# A Lambda of 1,769 MB has one virtual CPU. More threads only wait for each other.
_THREADS = 1
_FATAL_ONLY = 4  # an error is raised, and the log need not have it too


class OnnxEngine:
    """A converted model.

    Raises
    ------
    BundleError
        If ONNX Runtime cannot load it, or its inputs are not those of the signature.
    """

    name = "ONNX Runtime"

    def __init__(self, bundle: Bundle) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _THREADS
        options.inter_op_num_threads = _THREADS
        options.log_severity_level = _FATAL_ONLY
        try:
            self._session = onnxruntime.InferenceSession(
                bundle.model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime has no base class for its errors
            raise BundleError(
                f"ONNX Runtime cannot load it: {error}", where=bundle.version
            ) from error
        names = [feature.name for feature in bundle.signature.features]
        taken = {node.name for node in self._session.get_inputs()}
        # ONNX may drop a feature that no tree uses. An input without a feature gets no value.
        if not taken <= set(names):
            raise BundleError(
                f"model.onnx takes {sorted(taken)}, the signature has {names}",
                where=bundle.version,
            )
        self._fed = [name for name in names if name in taken]
        self._words = {
            feature.name: feature.words
            for feature in bundle.signature.features
            if feature.words is not None
        }
        self._outputs = [node.name for node in self._session.get_outputs()]

    def both(self, columns: Columns) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the labels, as text or 0 and 1, and the probabilities, shape (rows, classes)."""
        labels, probabilities = self._run(columns, self._outputs[:2])
        return labels, probabilities

    def outputs(self, columns: Columns) -> NDArray[Any]:
        """Return the labels, as text or 0 and 1, or the numbers, of n rows."""
        return self._run(columns, self._outputs[:1])[0]

    def probabilities(self, columns: Columns) -> NDArray[Any]:
        """Return the probability of each class, shape (rows, classes)."""
        return self._run(columns, self._outputs[1:2])[0]

    def _run(self, columns: Columns, wanted: list[str]) -> list[NDArray[Any]]:
        if self._words:
            told = {name: to_words(rule, columns[name]) for name, rule in self._words.items()}
            columns = {**columns, **told}
        feed = {name: columns[name].reshape(-1, 1) for name in self._fed}
        results: list[NDArray[Any]] = self._session.run(wanted, feed)
        return results
