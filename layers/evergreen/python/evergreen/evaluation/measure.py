"""The measure: the metric that decides, as its score of answers, of counts and of means.

A metric of classes depends only on how often each pair of label and answer occurs. A metric of
numbers depends only on the means of a few numbers of each row, its terms. So one resampling serves
all of the first kind, and one all of the second (:mod:`evergreen.evaluation.bootstrap`,
:mod:`evergreen.drift.detectors.performance`).

This module needs only numpy: the shadow comparison imports it, and its layer has no scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.evaluation.metrics import f1_of_counts
from evergreen.model_definition import ModelMetric, more_is_better

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from evergreen.model_definition import ModelDefinition


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric with its settings.

    Parameters
    ----------
    name
        The metric.
    positive
        Of two classes the one that F1, precision and recall are about; None: the last one in sorted
        order.
    quantile
        The quantile that ``pinball`` scores.
    """

    name: ModelMetric
    positive: str | None = None
    quantile: float = 0.5

    @property
    def more_is_better(self) -> bool:
        """Whether a larger value is a better one."""
        return more_is_better(self.name)

    def score(
        self, ground_truth: NDArray[Any], predicted: NDArray[Any], classes: Sequence[str] = ()
    ) -> float:
        """Return the metric of answers.

        Parameters
        ----------
        ground_truth, predicted
            n labels each as text, or n numbers.
        classes
            Every class there is, whether or not it occurs in these rows; none for numbers.
        """
        if not len(classes):
            return float(self.of_means(self.terms(ground_truth, predicted).mean(axis=1)))
        cells, counts = np.unique(
            np.stack([ground_truth, predicted]).astype(str), axis=1, return_counts=True
        )
        return float(self.of_counts(cells[0], cells[1], counts[np.newaxis], classes)[0])

    def of_counts(
        self,
        true: NDArray[np.str_],
        predicted: NDArray[np.str_],
        counts: NDArray[np.int64],
        classes: Sequence[str],
    ) -> NDArray[np.float64]:
        """Return the metric of each of several tables of counts.

        Parameters
        ----------
        true, predicted
            The label pairs that are counted, one for each of m cells, as text.
        counts
            How often each pair occurs, shape (tables, m).
        classes
            Every class there is.
        """
        if self.name == "f1":
            return f1_of_counts(true, predicted, counts, self._scored(classes))
        names = sorted(classes)
        hits, said, real = (
            np.stack([counts @ mask for mask in masks], axis=-1).astype(np.float64)
            for masks in (
                [(true == name) & (predicted == name) for name in names],
                [predicted == name for name in names],
                [true == name for name in names],
            )
        )
        if self.name in {"precision", "recall"}:
            kept = [names.index(name) for name in self._scored(classes)]
            share = _shares(hits, said if self.name == "precision" else real)
            return np.asarray(share[:, kept].mean(axis=1))
        return _of_all_classes(self.name, hits, said, real)

    def terms(
        self, ground_truth: NDArray[np.float64], predicted: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the numbers of each of n rows whose means give the metric, shape (terms, n)."""
        errors = ground_truth - predicted
        sizes = np.abs(errors)
        match self.name:
            case "mae":
                return np.stack([sizes])
            case "mape":
                known = ground_truth != 0
                shares = np.divide(sizes, np.abs(ground_truth), np.zeros_like(sizes), where=known)
                return np.stack([shares, known.astype(np.float64)])
            case "smape":
                both = np.abs(ground_truth) + np.abs(predicted)
                parts = np.divide(2 * sizes, both, np.zeros_like(sizes), where=both != 0)
                return np.stack([parts])
            case "pinball":
                return np.stack([np.maximum(self.quantile * errors, (self.quantile - 1) * errors)])
            case "r2":
                return np.stack([errors**2, ground_truth, ground_truth**2])
        return np.stack([errors**2])

    def of_means(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the metric of the means of :meth:`terms`, shape (terms, ...)."""
        match self.name:
            case "mape":
                return np.asarray(means[0] / np.maximum(means[1], 1e-300))
            case "r2":
                spread = np.maximum(means[2] - means[1] ** 2, 1e-300)
                return np.asarray(1 - means[0] / spread)
            case "rmse":
                return np.asarray(np.sqrt(means[0]))
        return np.asarray(means[0])

    def _scored(self, classes: Sequence[str]) -> list[str]:
        """Return the classes whose score is averaged: with up to two, only the positive one."""
        if len(classes) > 2:
            return sorted(classes)
        return [self.positive] if self.positive in {*classes} else sorted(classes)[-1:]


F1 = Measure("f1")
RMSE = Measure("rmse")


def measure_of(definition: ModelDefinition) -> Measure:
    """Return the measure that decides for a model."""
    rule = definition.evaluation
    return Measure(definition.metric, rule.positive, rule.quantile)


def _shares(parts: NDArray[np.float64], wholes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.divide(parts, wholes, np.zeros_like(parts), where=wholes > 0))


def _of_all_classes(
    name: str, hits: NDArray[np.float64], said: NDArray[np.float64], real: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a metric of all classes from how often each is right, said and true.

    Each has the shape (tables, classes).
    """
    rows = real.sum(axis=1)
    match name:
        case "accuracy":
            return np.asarray(hits.sum(axis=1) / rows)
        case "balanced_accuracy":
            return np.asarray(_shares(hits, real).sum(axis=1) / (real > 0).sum(axis=1))
        case "mcc":
            together = hits.sum(axis=1) * rows - (said * real).sum(axis=1)
            apart = (rows**2 - (said**2).sum(axis=1)) * (rows**2 - (real**2).sum(axis=1))
            return _shares(together, np.sqrt(np.maximum(apart, 0.0)))
    each = _shares(2 * hits, said + real)
    if name == "f1_weighted":
        return np.asarray((each * real).sum(axis=1) / rows)
    return np.asarray(each.mean(axis=1))
