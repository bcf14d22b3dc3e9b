"""Predictions from a bundle with ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from evergreen.bundle.labels import choose_classes
from evergreen.errors import BundleError, PredictionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evergreen.bundle.content import Bundle, Signature
    from evergreen.columns import Columns

# A Lambda of 1,769 MB has one virtual CPU. More threads only wait for each other.
_THREADS = 1
_FATAL_ONLY = 4  # an error is raised, and the log need not have it too

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
        options.log_severity_level = _FATAL_ONLY
        try:
            self._session = onnxruntime.InferenceSession(
                bundle.onnx, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime has no base class for its errors
            raise BundleError(
                f"ONNX Runtime cannot load it: {error}", where=bundle.version
            ) from error
        self.signature = bundle.signature
        self._version = bundle.version
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
        self._closed = closed_categories(self.signature)

    def predict(self, columns: Columns) -> Predictions:
        """Predict every row.

        Parameters
        ----------
        columns
            One array of shape (rows,) for each feature, encoded as
            :data:`evergreen.columns.Columns` says.

        Raises
        ------
        PredictionError
            If a row has a category that this version does not take, or ONNX Runtime cannot predict.
        """
        wanted = self._outputs[: 2 if self.signature.probabilities else 1]
        results = self._run(columns, wanted)
        if self._labels is None:
            return Predictions(np.asarray(results[0], dtype=np.float64).ravel().tolist(), None)
        if not self.signature.probabilities:
            return Predictions([self._labels[str(label)] for label in results[0].tolist()], None)
        probabilities = _in_range(results[1])
        chosen = self._chosen(results[0], probabilities)
        labels = list(self._labels.values())
        confidences = probabilities[np.arange(len(chosen)), chosen]
        return Predictions([labels[index] for index in chosen.tolist()], confidences.tolist())

    def probabilities(self, columns: Columns) -> NDArray[np.float64] | None:
        """Return the probability of each class, shape (rows, classes), or None without any.

        The classes are in the signature's order.

        Parameters
        ----------
        columns
            As for :meth:`predict`.

        Raises
        ------
        PredictionError
            As :meth:`predict` does.
        """
        if not self.signature.probabilities:
            return None
        return _in_range(self._run(columns, self._outputs[1:2])[0])

    def _run(self, columns: Columns, wanted: list[str]) -> list[NDArray[Any]]:
        for name, known in self._closed.items():
            if strange := set(columns[name].tolist()) - known:
                raise PredictionError(
                    f"{min(strange)!r} is a category of {name!r} that training never saw, and the "
                    "estimator does not take it",
                    where=self._version,
                    fix="Encode with handle_unknown='ignore' in training.py, and train again.",
                )
        feed = {name: columns[name].reshape(-1, 1) for name in self._fed}
        try:
            results: list[NDArray[Any]] = self._session.run(wanted, feed)
        except Exception as error:  # ONNX Runtime has no base class for its errors
            raise PredictionError(
                f"ONNX Runtime cannot predict: {error}", where=self._version
            ) from error
        return results

    def _chosen(self, said: NDArray[Any], probabilities: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the index of each row's class."""
        if self.signature.decides == "scores":
            return choose_classes(probabilities, self.signature.threshold)
        places = {label: index for index, label in enumerate(self._labels or {})}
        return np.array([places[str(label)] for label in said.tolist()], dtype=np.intp)


def closed_categories(signature: Signature) -> dict[str, frozenset[str]]:
    """Return, for each feature that takes only the categories of training, those categories."""
    return {
        feature.name: frozenset(feature.categories or ())
        for feature in signature.features
        if feature.closed
    }


def _in_range(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    # np.clip gives the same, and takes ten times as long for one row.
    return np.minimum(np.maximum(np.asarray(probabilities, dtype=np.float64), 0.0), 1.0)


def _labels(bundle: Bundle) -> dict[str, Label] | None:
    """Map the class labels of ONNX to the labels in an answer, in the model's order."""
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
