"""Predictions from a bundle, with ONNX Runtime or with scikit-learn."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from evergreen.bundle.content import closed_categories
from evergreen.bundle.labels import choose_class, choose_classes
from evergreen.bundle.onnx_engine import OnnxEngine
from evergreen.errors import BundleError, PredictionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from evergreen.bundle.content import Bundle
    from evergreen.columns import Columns

Label = str | int | bool
type Probabilities = Sequence[Sequence[float]] | NDArray[np.float64]
"""The probability of each class, shape (rows, classes)."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """The predictions of a model, one entry for each row.

    Parameters
    ----------
    outputs
        Class labels in their JSON type, or numbers.
    confidences
        Probability of the predicted label, or None if the model gives no probabilities.
    probabilities
        The probability of every class, or None.
    classes
        The classes of ``probabilities``, in their order, as text.
    """

    outputs: list[Label] | list[float]
    confidences: list[float] | None
    probabilities: Probabilities | None = field(default=None, compare=False)
    classes: Sequence[str] = ()

    def by_class(self) -> list[dict[str, float]] | None:
        """Return the probability of each class by its name, row by row, or None without any."""
        found, names = self.probabilities, self.classes
        if found is None:
            return None
        rows = found if isinstance(found, list) else np.asarray(found).tolist()
        return [dict(zip(names, row, strict=True)) for row in rows]


class Engine(Protocol):
    """What runs the model of a bundle; its methods may raise anything."""

    name: str

    def both(self, columns: Columns) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the labels, as text or 0 and 1, and the probabilities, shape (rows, classes)."""
        ...

    def outputs(self, columns: Columns) -> NDArray[Any]:
        """Return the labels, as text or 0 and 1, or the numbers, of n rows."""
        ...

    def probabilities(self, columns: Columns) -> NDArray[Any]:
        """Return the probability of each class, shape (rows, classes)."""
        ...


class Predictor:
    """A bundle ready to predict; safe to share between threads.

    Parameters
    ----------
    bundle
        The bundle.

    Raises
    ------
    BundleError
        If its engine cannot load the model, or may not.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._engine = _engine(bundle)
        self.signature = bundle.signature
        self._version = bundle.version
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
            If a row has a category that this version does not take, or its engine cannot predict.
        """
        if self._labels is None:
            numbers = self._asked(self._engine.outputs, columns)
            return Predictions(np.asarray(numbers, dtype=np.float64).ravel().tolist(), None)
        if not self.signature.probabilities:
            said = self._asked(self._engine.outputs, columns)
            return Predictions([self._labels[str(label)] for label in said.tolist()], None)
        said, found = self._asked(self._engine.both, columns)
        labels, classes = list(self._labels.values()), self.signature.classes or ()
        if len(found) == 1 and self.signature.decides == "scores":
            one = [min(max(each, 0.0), 1.0) for each in found[0].tolist()]
            place = choose_class(one, self.signature.threshold)
            return Predictions([labels[place]], [one[place]], [one], classes)
        probabilities = _in_range(found)
        chosen = self._chosen(said, probabilities)
        confidences = probabilities[np.arange(len(chosen)), chosen]
        outputs = [labels[index] for index in chosen.tolist()]
        return Predictions(outputs, confidences.tolist(), probabilities, classes)

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
        return _in_range(self._asked(self._engine.probabilities, columns))

    def _asked[T](self, engine: Callable[[Columns], T], columns: Columns) -> T:
        for name, known in self._closed.items():
            if strange := set(columns[name].tolist()) - known:
                raise PredictionError(
                    f"{min(strange)!r} is a category of {name!r} that training never saw, and the "
                    "estimator does not take it",
                    where=self._version,
                    fix="Encode with handle_unknown='ignore' in training.py, and train again.",
                )
        try:
            return engine(columns)
        except Exception as error:  # whatever a library or the user's code raises
            raise PredictionError(
                f"{self._engine.name} cannot predict: {error}", where=self._version
            ) from error

    def _chosen(self, said: NDArray[Any], probabilities: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the index of each row's class."""
        if self.signature.decides == "scores":
            return choose_classes(probabilities, self.signature.threshold)
        places = {label: index for index, label in enumerate(self._labels or {})}
        return np.array([places[str(label)] for label in said.tolist()], dtype=np.intp)


def require_finite(predictions: Predictions, version: str) -> None:
    """Raise where a prediction is no finite number: neither an answer nor the log can hold it.

    Parameters
    ----------
    predictions
        At least one row.
    version
        The version that predicted.

    Raises
    ------
    PredictionError
        If an output, a confidence or a probability is not finite; it names the first such row.
    """
    outputs = predictions.outputs
    numbers: Any = outputs if isinstance(outputs[0], float) else ()
    for values in (numbers, predictions.confidences or ()):
        if not all(map(math.isfinite, values)):
            row, value = next(each for each in enumerate(values) if not math.isfinite(each[1]))
            raise PredictionError(
                f"row {row} got {value}, which is no finite number", where=version
            )
    found = predictions.probabilities
    if found is None:
        return
    # Of one row this takes a tenth of the time.
    one = len(found) == 1
    if not (all(map(math.isfinite, found[0])) if one else np.isfinite(found).all()):
        row = int(np.flatnonzero(~np.isfinite(np.asarray(found)).all(axis=1))[0])
        raise PredictionError(
            f"row {row} got a probability that is no finite number", where=version
        )


def _engine(bundle: Bundle) -> Engine:
    if bundle.signature.serving == "onnx":
        return OnnxEngine(bundle)
    try:
        from evergreen.bundle.sklearn_engine import SklearnEngine  # noqa: PLC0415 - seconds
    except ModuleNotFoundError as error:
        raise BundleError(
            f"scikit-learn serves it, and there is no {error.name} here",
            where=bundle.version,
            fix='Keep serving = "sklearn" in model.toml until a version for ONNX is in production.',
        ) from error
    return SklearnEngine(bundle)


def _in_range(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    # np.clip gives the same, and takes ten times as long for one row.
    return np.minimum(np.maximum(np.asarray(probabilities, dtype=np.float64), 0.0), 1.0)


def _labels(bundle: Bundle) -> dict[str, Label] | None:
    """Map the class labels of an engine to the labels in an answer, in the model's order."""
    signature = bundle.signature
    if signature.task != "classification":
        return None
    if not signature.classes:
        raise BundleError("a classification bundle without classes", where=bundle.version)
    if signature.class_type == "integer":
        return {label: int(label) for label in signature.classes}
    if signature.class_type == "boolean":
        # ONNX has no boolean labels; they come as 0 and 1, from either engine.
        return {"0": False, "1": True}
    return {label: label for label in signature.classes}
