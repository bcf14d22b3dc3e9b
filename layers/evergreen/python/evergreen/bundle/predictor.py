"""Predictions from a bundle with ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from evergreen.errors import BundleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evergreen.bundle.store import Bundle
    from evergreen.columns import Columns

# A Lambda of 1,769 MB has one virtual CPU. More threads only wait for each other.
_THREADS = 1
_ERRORS_ONLY = 3

Label = str | int | bool


@dataclass(frozen=True, slots=True)
class Predictions:
    """The predictions of a model, one entry for each row.

    Parameters
    ----------
    outputs
        Class labels in their JSON type, or numbers.
    confidences
        Probability of the predicted label, or None if the model gives no probabilities.
    """

    outputs: list[Label] | list[float]
    confidences: list[float] | None


class Predictor:
    """A bundle ready to predict; safe to share between threads.

    Parameters
    ----------
    bundle
        The bundle.

    Raises
    ------
    BundleError
        If ONNX Runtime cannot load the model, or its inputs are not those of the signature.
    """

    def __init__(self, bundle: Bundle) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _THREADS
        options.inter_op_num_threads = _THREADS
        options.log_severity_level = _ERRORS_ONLY
        try:
            self._session = onnxruntime.InferenceSession(
                bundle.onnx, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime has no base class for its errors
            raise BundleError(
                f"ONNX Runtime cannot load it: {error}", where=bundle.version
            ) from error
        self.signature = bundle.signature
        self._names = [feature.name for feature in self.signature.features]
        taken = {node.name for node in self._session.get_inputs()}
        # ONNX may drop a feature that no tree uses. An input without a feature gets no value.
        if not taken <= set(self._names):
            raise BundleError(
                f"model.onnx takes {sorted(taken)}, the signature has {self._names}",
                where=bundle.version,
            )
        self._fed = [name for name in self._names if name in taken]
        self._outputs = [node.name for node in self._session.get_outputs()]
        self._labels = _labels(bundle)

    def predict(self, columns: Columns) -> Predictions:
        """Predict every row.

        Parameters
        ----------
        columns
            One array of shape (rows,) for each feature, encoded as
            :data:`evergreen.columns.Columns` says.
        """
        feed = {name: columns[name].reshape(-1, 1) for name in self._fed}
        results = self._session.run(self._outputs, feed)
        if self._labels is None:
            return Predictions(np.asarray(results[0], dtype=np.float64).ravel().tolist(), None)
        labels = self._labels
        outputs: list[Label] = [labels[str(label)] for label in results[0].tolist()]
        if not self.signature.probabilities:
            return Predictions(outputs, None)
        highest = np.clip(np.asarray(results[1], dtype=np.float64).max(axis=1), 0.0, 1.0)
        return Predictions(outputs, highest.tolist())

    def probabilities(self, columns: Columns) -> NDArray[np.float64] | None:
        """Return the probability of each class, shape (rows, classes), or None without any.

        The classes are in the signature's order.

        Parameters
        ----------
        columns
            As for :meth:`predict`.
        """
        if not self.signature.probabilities:
            return None
        feed = {name: columns[name].reshape(-1, 1) for name in self._fed}
        result = self._session.run(self._outputs[1:2], feed)[0]
        return np.clip(np.asarray(result, dtype=np.float64), 0.0, 1.0)


def _labels(bundle: Bundle) -> dict[str, Label] | None:
    """Map the class labels of ONNX to the labels in an answer."""
    signature = bundle.signature
    if signature.task != "classification":
        return None
    if not signature.classes:
        raise BundleError("a classification bundle without classes", where=bundle.version)
    if signature.class_type == "integer":
        return {label: int(label) for label in signature.classes}
    if signature.class_type == "boolean":
        # ONNX has no boolean labels; they come as 0 and 1.
        return {"0": False, "1": True}
    return {label: label for label in signature.classes}
