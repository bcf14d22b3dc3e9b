"""The measure: the metric that decides, as its score of answers, of counts, of means and of draws.

A metric of labels depends only on how often each pair of label and answer occurs. A metric of
numbers depends only on the means of a few numbers of each row, its terms; so do the log loss and
the Brier score. The areas under curves and a function of the user's depend on all rows that are
drawn. So there are three kinds of resampling (:mod:`evergreen.evaluation.bootstrap`,
:mod:`evergreen.evaluation.degradation`).

A metric of probabilities takes, of two classes, the probability of the positive one and whether it
came: an array of n numbers each. Of more classes both have a column for each class in sorted order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from evergreen.errors import ModelDefinitionError
from evergreen.evaluation.areas import average_precision, mean_area, roc_area
from evergreen.evaluation.class_counts import class_shares, score_of_classes
from evergreen.evaluation.class_probabilities import MAX_SCORED_CLASSES
from evergreen.evaluation.metrics import f1_of_counts
from evergreen.evaluation.own_metric import load_own_metric
from evergreen.evaluation.row_terms import terms_of_classes, terms_of_numbers
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
        if self.name == "brier":
            return 0.0, 2.0  # of two classes 1
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
        """Whether it scores the probabilities of classes."""
        return self.of_probabilities or self.name in PROBABILITY_METRICS

    def truth(self, labels: NDArray[Any], classes: Sequence[str]) -> NDArray[Any]:
        """Return n labels as the metric takes them: as they are, or 1 for the true class.

        Of probabilities of two classes these are n numbers, 1 for the positive class; of more
        classes the shape is (n, classes).

        Raises
        ------
        ModelDefinitionError
            If the metric scores probabilities and there are too many classes.
        """
        if not self.takes_probabilities:
            return labels
        if self.has_columns(classes):
            names = np.array(sorted(classes), dtype=object)
            return np.asarray(labels[:, np.newaxis] == names, dtype=np.float64)
        return np.asarray(labels == self._scored(classes)[0], dtype=np.float64)

    def has_columns(self, classes: Sequence[str]) -> bool:
        """Return whether it scores the probabilities of more than two classes.

        Raises
        ------
        ModelDefinitionError
            If there are too many classes.
        """
        if self.takes_probabilities and len(classes) > MAX_SCORED_CLASSES:
            raise ModelDefinitionError(
                f"{self.name} scores the probabilities of at most {MAX_SCORED_CLASSES} classes, "
                f"and there are {len(classes)}",
                where="evaluation.metric",
                fix="Each row of the request log has all of them. Take one of "
                f"{', '.join(CLASS_METRICS)}, or a function of labels.",
            )
        return self.takes_probabilities and len(classes) > 2

    def answers(
        self,
        outputs: NDArray[Any],
        confidences: NDArray[Any] | None,
        classes: Sequence[str],
        shares: NDArray[np.float64] | None = None,
    ) -> NDArray[Any]:
        """Return n answers as the metric takes them: as they are, or probabilities.

        Parameters
        ----------
        outputs
            Labels as text, or numbers.
        confidences
            The probability of each label; None where the model gives none.
        classes
            Every class there is.
        shares
            The probabilities of all classes, in sorted order, shape (n, classes), with NaN where
            there are none; needed for more than two classes.

        Raises
        ------
        ModelDefinitionError
            If the metric scores a probability and there is none, or there are too many classes.
        """
        if not self.takes_probabilities:
            return outputs
        columns = self.has_columns(classes)
        said = shares if columns else confidences
        said = None if said is None else np.asarray(said, dtype=np.float64)
        if said is None or np.isnan(said).any():
            raise ModelDefinitionError(
                f"{self.name} scores a probability, and the model gives none",
                where="evaluation.metric",
                fix="Take an estimator with predict_proba, or a metric of labels such as f1.",
            )
        if columns:
            return said
        return np.where(outputs == self._scored(classes)[0], said, 1 - said)

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
            once = np.ones((1, len(ground_truth)), dtype=np.intp)
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
            share = class_shares(hits, said if self.name == "precision" else real)
            return np.asarray(share[:, kept].mean(axis=1))
        return score_of_classes(self.name, hits, said, real)

    def terms(
        self, ground_truth: NDArray[np.float64], predicted: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the numbers of each of n rows whose means give the metric, shape (terms, n)."""
        if ground_truth.ndim > 1:
            return terms_of_classes(self.name, ground_truth, predicted)
        return terms_of_numbers(self.name, ground_truth, predicted, self.quantile)

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
            both = (ground_truth, predicted)
            drawn = ([np.repeat(side, draw, axis=0) for side in both] for draw in draws)
            return np.array([self.function(*sides) for sides in drawn], dtype=np.float64)
        if ground_truth.ndim > 1:
            return mean_area(self.name, ground_truth, predicted, draws)
        area = roc_area if self.name == "roc_auc" else average_precision
        return area(ground_truth, predicted, draws)

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
