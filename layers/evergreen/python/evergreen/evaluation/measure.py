"""The measure: the metric that decides, as its score of answers, of counts, of means and of draws.

A metric of labels depends only on how often each pair of label and answer occurs. A metric of
numbers depends only on the means of a few numbers of each row, its terms; so do the log loss and
the Brier score, whose numbers are the probability of the positive class and whether it came. The
areas under curves and a function of the user's depend on all rows that are drawn. So there are
three kinds of resampling (:mod:`evergreen.evaluation.bootstrap`,
:mod:`evergreen.evaluation.degradation`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from evergreen.errors import ModelDefinitionError
from evergreen.evaluation.areas import average_precision, roc_area
from evergreen.evaluation.metrics import f1_of_counts
from evergreen.evaluation.own_metric import load_own_metric
from evergreen.model_definition import more_is_better
from evergreen.model_definition.evaluation import CLASS_METRICS, PROBABILITY_METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
        Of two classes the one that F1, precision, recall and the metrics of a probability are
        about; None: the last one in sorted order.
    quantile
        The quantile that ``pinball`` scores.
    function
        The metric, where it is a function of the user's of ground truth and answers.
    rising
        Whether a larger value of that function is a better one.
    of_probabilities
        Whether that function takes probabilities.
    """

    name: str
    positive: str | None = None
    quantile: float = 0.5
    function: Callable[[NDArray[Any], NDArray[Any]], float] | None = None
    rising: bool = False
    of_probabilities: bool = False

    @property
    def more_is_better(self) -> bool:
        """Whether a larger value is a better one."""
        return more_is_better(self.name) if self.function is None else self.rising

    @property
    def limits(self) -> tuple[float, float]:
        """The smallest and largest value that the metric can have."""
        if self.function is not None:
            return -math.inf, math.inf
        if self.name == "r2":
            return -math.inf, 1.0
        if self.name == "mcc":
            return -1.0, 1.0
        shares = {*CLASS_METRICS, *PROBABILITY_METRICS} - {"log_loss"}
        return 0.0, 1.0 if self.name in shares else math.inf

    @property
    def kind(self) -> Literal["counts", "means", "draws"]:
        """What the metric depends on: :meth:`of_counts`, :meth:`of_means` or :meth:`of_draws`."""
        if self.function is not None or self.name in {"roc_auc", "pr_auc"}:
            return "draws"
        return "counts" if self.name in CLASS_METRICS else "means"

    @property
    def takes_probabilities(self) -> bool:
        """Whether it scores the probability of one of two classes."""
        return self.of_probabilities or self.name in PROBABILITY_METRICS

    def truth(self, labels: NDArray[Any], classes: Sequence[str]) -> NDArray[Any]:
        """Return n labels as the metric takes them: as they are, or 1 for the positive class.

        Raises
        ------
        ModelDefinitionError
            If the metric scores a probability and there are not two classes.
        """
        if not self.takes_probabilities:
            return labels
        return np.asarray(labels == self._one_of_two(classes), dtype=np.float64)

    def answers(
        self, outputs: NDArray[Any], confidences: NDArray[Any] | None, classes: Sequence[str]
    ) -> NDArray[Any]:
        """Return n answers as the metric takes them: as they are, or the positive's probability.

        Parameters
        ----------
        outputs
            Labels as text, or numbers.
        confidences
            The probability of each label; None where the model gives none.
        classes
            Every class there is.

        Raises
        ------
        ModelDefinitionError
            If the metric scores a probability and there is none, or there are not two classes.
        """
        if not self.takes_probabilities:
            return outputs
        said = None if confidences is None else np.asarray(confidences, dtype=np.float64)
        if said is None or np.isnan(said).any():
            raise ModelDefinitionError(
                f"{self.name} scores a probability, and the model gives none",
                where="evaluation.metric",
                fix="Take an estimator with predict_proba, or a metric of labels such as f1.",
            )
        return np.where(outputs == self._one_of_two(classes), said, 1 - said)

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

        Both arrays are as :meth:`truth` and :meth:`answers` give them.
        """
        if self.kind == "draws":
            once = np.ones((1, ground_truth.size), dtype=np.intp)
            return float(self.of_draws(ground_truth, predicted, once)[0])
        if self.kind == "means":
            return float(self.of_means(self.terms(ground_truth, predicted).mean(axis=1)))
        cells, counts = np.unique(
            np.stack([ground_truth, predicted]).astype(str), axis=1, return_counts=True
        )
        return float(self.of_counts(cells[0], cells[1], counts[np.newaxis], classes)[0])

    def of_counts(
        self,
        true: NDArray[np.str_],
        predicted: NDArray[np.str_],
        counts: NDArray[np.int64] | NDArray[np.float64],
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
                found = [sizes]
            case "log_loss":
                least = np.finfo(np.float64).eps  # as scikit-learn does
                found = [-np.log(np.clip(1 - sizes, least, 1 - least))]
            case "mape":
                known = ground_truth != 0
                shares = np.divide(sizes, np.abs(ground_truth), np.zeros_like(sizes), where=known)
                found = [shares, known.astype(np.float64)]
            case "smape":
                both = np.abs(ground_truth) + np.abs(predicted)
                found = [np.divide(2 * sizes, both, np.zeros_like(sizes), where=both != 0)]
            case "pinball":
                found = [np.maximum(self.quantile * errors, (self.quantile - 1) * errors)]
            case "r2":
                found = [errors**2, ground_truth, ground_truth**2]
            case _:
                found = [errors**2]
        return np.stack(found)

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

    def of_draws(
        self, ground_truth: NDArray[Any], predicted: NDArray[Any], draws: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return the metric of each of k draws of n rows.

        Parameters
        ----------
        ground_truth, predicted
            n values each.
        draws
            How often each row is in each draw, shape (k, n).
        """
        if self.function is not None:
            scores = [
                self.function(np.repeat(ground_truth, draw), np.repeat(predicted, draw))
                for draw in draws
            ]
            return np.array(scores, dtype=np.float64)
        area = roc_area if self.name == "roc_auc" else average_precision
        return area(ground_truth, predicted, draws)

    def _one_of_two(self, classes: Sequence[str]) -> str:
        if len(classes) > 2:
            raise ModelDefinitionError(
                f"{self.name} scores the probability of one of two classes, and there are "
                f"{len(classes)}",
                where="evaluation.metric",
                fix="The request log has the probability of the answer only. For more classes take "
                f"one of {', '.join(CLASS_METRICS)}, or a function of labels.",
            )
        return self._scored(classes)[0]

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
    return Measure(
        definition.metric,
        rule.positive,
        rule.quantile,
        function=load_own_metric(definition),
        rising=definition.more_is_better,
        of_probabilities=rule.metric_input == "probabilities",
    )


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
