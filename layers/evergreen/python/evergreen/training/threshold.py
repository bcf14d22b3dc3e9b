"""The threshold: the least probability with which the last of two classes is predicted.

``evaluation.threshold`` fixes it or lets it be tuned. Either way it becomes part of the estimator,
so it goes into the bundle, and training, evaluation, serving and the shadow stage decide by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier

from evergreen.bundle.labels import choose_classes
from evergreen.errors import ModelDefinitionError, NotEnoughDataError
from evergreen.evaluation.measure import measure_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

    from evergreen.model_definition import ModelDefinition

PART = 0.2
"""Share of the training rows, the newest of them, on which a threshold is tuned."""
_MOST = 200
"""Largest number of thresholds that are tried."""


def fit_with_threshold(
    definition: ModelDefinition,
    fit: Callable[[slice], BaseEstimator],
    features: pd.DataFrame,
    target: pd.Series,
) -> BaseEstimator:
    """Fit on all rows, and put the threshold of the definition around the result, if it has one.

    A threshold is tuned on the newest fifth of the rows, by a model that is fitted on the others:
    it takes the value whose metric is best there. Then the model is fitted on all rows.

    Parameters
    ----------
    definition
        Says which threshold, and names the metric.
    fit
        Fits on some of the rows, oldest first.
    features, target
        The n rows, oldest first.

    Raises
    ------
    ModelDefinitionError
        If the model is not one of two classes with probabilities, or the threshold would be on the
        first of them.
    NotEnoughDataError
        If there are too few rows to tune on.
    """
    wanted = definition.evaluation.threshold
    if wanted is None:
        return fit(slice(None))
    if wanted == "tuned":
        wanted = _tune(definition, fit, features, target)
    estimator = fit(slice(None))
    _require_fitting(definition, estimator)
    fixed = FixedThresholdClassifier(
        FrozenEstimator(estimator), threshold=wanted, response_method="predict_proba"
    )
    fitted: BaseEstimator = fixed.fit(features, target)
    return fitted


def best_threshold(
    definition: ModelDefinition,
    ground_truth: NDArray[np.object_],
    probabilities: NDArray[np.float64],
    classes: list[str],
) -> float:
    """Return the threshold whose metric is best, and of equally good ones that next to 0.5.

    Parameters
    ----------
    definition
        Names the metric.
    ground_truth
        n labels, as text.
    probabilities
        Shape (n, 2).
    classes
        Both classes, as text.
    """
    measure, names = measure_of(definition), np.array(classes, dtype=object)
    found = np.unique(probabilities[:, 1])
    between = (found[1:] + found[:-1]) / 2
    tried = np.append(between[:: max(between.size // _MOST, 1)], 0.5)
    scores = [
        measure.score(ground_truth, names[choose_classes(probabilities, each)], classes)
        for each in tried.tolist()
    ]
    highest = max(scores) if measure.more_is_better else min(scores)
    best = tried[np.isclose(scores, highest, rtol=0, atol=1e-12)]
    return float(best[np.abs(best - 0.5).argmin()])


def _tune(
    definition: ModelDefinition,
    fit: Callable[[slice], BaseEstimator],
    features: pd.DataFrame,
    target: pd.Series,
) -> float:
    rows = len(target)
    edge = rows - int(rows * PART)
    if target.iloc[:edge].nunique() < 2 or target.iloc[edge:].nunique() < 2:
        raise NotEnoughDataError(
            f"too few of {rows} rows to tune a threshold: the newest fifth and the others need "
            "rows of both classes",
            where=definition.name,
        )
    estimator: Any = fit(slice(edge))
    _require_fitting(definition, estimator)
    return best_threshold(
        definition,
        target.iloc[edge:].astype(str).to_numpy(dtype=object),
        np.asarray(estimator.predict_proba(features.iloc[edge:]), dtype=np.float64),
        [str(name) for name in estimator.classes_],
    )


def _require_fitting(definition: ModelDefinition, estimator: Any) -> None:  # noqa: ANN401
    where = f"{definition.name}.evaluation.threshold"
    classes = [str(name) for name in estimator.classes_]
    if len(classes) != 2 or not hasattr(estimator, "predict_proba"):
        raise ModelDefinitionError(
            f"{type(estimator).__name__} with the classes {classes} takes no threshold",
            where=where,
            fix="A threshold needs two classes and an estimator with probabilities.",
        )
    positive = definition.evaluation.positive
    if positive not in {None, classes[1]}:
        raise ModelDefinitionError(
            f"the threshold is on the probability of {classes[1]!r}, and positive is {positive!r}",
            where=where,
            fix="Rename the classes so that the positive one is last in sorted order.",
        )
