"""Predictions of a model for labelled rows, and their scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.bundle.predictor import Predictor, require_finite
from evergreen.bundle.served import served_definition
from evergreen.datasets.schema import to_columns
from evergreen.errors import NotEnoughDataError
from evergreen.evaluation.class_probabilities import as_columns
from evergreen.evaluation.measure import F1, RMSE, Measure, measure_of
from evergreen.evaluation.probability_metrics import classification_scores
from evergreen.evaluation.rolling_origin import forecast_scores

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.bundle.content import Bundle
    from evergreen.model_definition import ModelDefinition


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPredictions:
    """Predictions of one model for the holdout, and their scores."""

    outputs: NDArray[Any]
    """n labels as text, or n numbers."""
    measured: NDArray[Any]
    """The outputs, or where the metric scores a probability, n of these."""
    confidences: list[float] | None
    """The probability of each label, or None where there is none."""
    shares: list[dict[str, float]] | None
    """The probability of each class by its name, row by row, where the metric scores them."""
    probabilities: NDArray[np.float64] | None
    """Shape (n, classes), or None where the model has none."""
    classes: tuple[str, ...]
    """The classes of the columns of ``probabilities``, in order."""
    metric: float
    beside: dict[str, float]


def ground_truth_of(definition: ModelDefinition, table: pa.Table) -> NDArray[Any]:
    """Return the ground truth, one label for each row: classes as text, or numbers.

    Raises
    ------
    NotEnoughDataError
        If there is no row.
    """
    if not table.num_rows:
        raise NotEnoughDataError("the holdout has no rows to compare on", where=definition.name)
    ground_truth = np.array(table[definition.target].to_pylist(), dtype=object)
    return ground_truth if definition.task == "classification" else ground_truth.astype(np.float64)


def score_predictions(
    definition: ModelDefinition,
    bundle: Bundle,
    table: pa.Table,
    ground_truth: NDArray[Any],
    classes: list[str],
    training: pa.Table | None,
) -> ScoredPredictions:
    """Predict labelled rows with a bundle, and score the predictions.

    Parameters
    ----------
    definition
        Names the metric.
    bundle
        The bundle to score.
    table
        n rows with their features, a time series' in time order.
    ground_truth
        Their labels, as :func:`ground_truth_of` gives it.
    classes
        All classes, as :func:`classes_of` gives them.
    training
        The rows trained on, which give a time series' MASE its scale.

    Raises
    ------
    PredictionError
        If it has no answer to a row, or one that is no finite number.
    ModelDefinitionError
        If the metric scores a probability that the bundle does not give.
    """
    predictor = Predictor(bundle)
    columns = to_columns(served_definition(definition, bundle.signature), table)
    answered = predictor.predict(columns)
    require_finite(answered, bundle.version)
    outputs, confidences = answered.outputs, answered.confidences
    known = tuple(predictor.signature.classes or ())
    measure = measure_of(definition)
    if definition.task == "classification":
        labels = np.array([str(label) for label in outputs], dtype=object)
        probabilities = predictor.probabilities(columns)
        beside: dict[str, float] = (
            {} if measure.name == "f1" else {"f1": F1.score(ground_truth, labels, classes)}
        )
        if probabilities is not None:
            beside |= classification_scores(ground_truth, probabilities, known)
        shares = None
        if measure.has_columns(classes) and probabilities is not None:
            shares = as_columns(probabilities, known, classes)
        measured = measure.answers(labels, _array(confidences), classes, shares)
        beside.pop(measure.name, None)
        return ScoredPredictions(
            outputs=labels,
            measured=measured,
            confidences=confidences,
            shares=answered.by_class() if measure.takes_probabilities else None,
            probabilities=probabilities,
            classes=known,
            metric=measure.score(measure.truth(ground_truth, classes), measured, classes),
            beside=beside,
        )
    numbers = np.array(outputs, dtype=np.float64)
    others = (each for each in (RMSE, Measure("mae")) if each.name != measure.name)
    beside = {each.name: each.score(ground_truth, numbers) for each in others}
    if definition.forecast is not None:
        beside |= forecast_scores(definition, ground_truth, numbers, table, training)
    return ScoredPredictions(
        outputs=numbers,
        measured=numbers,
        confidences=None,
        shares=None,
        probabilities=None,
        classes=(),
        metric=measure.score(ground_truth, numbers),
        beside=beside,
    )


def _array(confidences: list[float] | None) -> NDArray[np.float64] | None:
    return None if confidences is None else np.array(confidences, dtype=np.float64)


def why_unscorable(definition: ModelDefinition, bundle: Bundle) -> str | None:
    """Return why a bundle cannot predict the definition's rows, or None if it can.

    A bundle that was trained on other features can, as long as the rows have its features too.
    """
    signature = bundle.signature
    classes = [task == "classification" for task in (signature.task, definition.task)]
    if signature.target != definition.target or len(set(classes)) > 1:
        return f"it predicts {signature.target} ({signature.task})"
    measure = measure_of(definition)
    if measure.takes_probabilities and not signature.probabilities:
        return f"{measure.name} scores probabilities, and it gives none"
    features = definition.features
    known = {each.renamed_from: each for each in features.values() if each.renamed_from} | features
    strange = [
        feature.name
        for feature in signature.features
        if feature.name not in known
        or (feature.type in {"category", "text"}) == known[feature.name].is_numeric
    ]
    return f"it takes {', '.join(strange)}, which model.toml no longer has" if strange else None


def why_other_classes(bundle: Bundle, ground_truth: NDArray[Any]) -> str | None:
    """Return why a bundle cannot be scored on labels of which it knows none, or None if it can.

    Labels that are written in another way are other classes. Whoever wrote them so must say that
    callers shall get them.
    """
    known, occurring = classes_of(ground_truth[:0], bundle), classes_of(ground_truth)
    if not known or set(known) & set(occurring):
        return None
    one, other = (", ".join(each[:5]) for each in (known, occurring))
    return f"it answers {one}, and the labels are {other}"


def classes_of(ground_truth: NDArray[Any], *bundles: Bundle | None) -> list[str]:
    """Return every class that occurs or that a model can predict; empty for numbers.

    Both models are scored on the classes of both. Otherwise a model that knows fewer classes would
    have an easier task.
    """
    if ground_truth.dtype != object:
        return []
    known = (bundle.signature.classes or () for bundle in bundles if bundle is not None)
    return sorted(set(ground_truth).union(*known))
