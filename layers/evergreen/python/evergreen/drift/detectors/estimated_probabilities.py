"""Confidence-based estimation of a metric of probabilities, from the probabilities themselves.

Each class's probability is calibrated on the holdout, and those of a row are made to sum to one.
They say how probable each ground truth of a row is, and so what the metric would be (NannyML's
documentation, "How CBPE works": ROC AUC and average precision; the log loss and the Brier score are
means over rows, so their expectation is that of each row).

Calibrated probabilities fit the rows that they were calibrated on a little too well. So the metric
that they expect of the holdout is not quite the metric there. Only their difference between window
and holdout is used, and added to the metric on the holdout: where nothing moved, the estimate is
that metric.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from evergreen.datasets.holdout_predictions import sharpness_of
from evergreen.drift.detectors.calibrated_answers import (
    CONFIDENCE_BINS,
    bins_of,
    calibrated_shares,
    score_edges,
)
from evergreen.drift.detectors.estimated import Estimated
from evergreen.drift.model_outputs import CONFIDENCE, MODEL_OUTPUT
from evergreen.evaluation.areas import mean_area_of_groups
from evergreen.evaluation.class_probabilities import (
    logged_shares,
    named_classes,
    shares_of_classes,
)
from evergreen.model_definition.definition import PROBABILITIES

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.bundle.sharpness import Sharpness
    from evergreen.evaluation.measure import Measure
    from evergreen.model_definition import ModelDefinition

_MOST_ROWS = 10_000  # of each side
_GROUPS = 1_000  # of rows with nearly the same score, for an area under a curve
_LABEL = "label"


def probability_classes(
    definition: ModelDefinition, window: pa.Table, holdout: pa.Table
) -> list[str]:
    """Return all classes of the answers, sorted.

    Each row of a version names the same classes with their probabilities, so one row is read.
    """
    named = named_classes(
        *(logged_shares(with_probabilities(side).slice(0, 1)) for side in (window, holdout))
    )
    columns = (window[MODEL_OUTPUT], holdout[MODEL_OUTPUT], holdout[_LABEL])
    known = definition.ground_truth.classes or ()
    return sorted({*known, *named, *(name for column in columns for name in column.to_pylist())})


def with_probabilities(rows: pa.Table) -> pa.Table:
    """Return the rows that have the probabilities of all classes."""
    if PROBABILITIES not in rows.column_names:
        return rows.slice(0, 0)
    return rows.filter(pc.is_valid(rows[PROBABILITIES]))


def estimate_probabilities(
    definition: ModelDefinition,
    measure: Measure,
    window: pa.Table,
    holdout: pa.Table,
    *,
    rng: np.random.Generator,
    draws: int,
) -> Estimated:
    """Return the estimate of a metric of probabilities, with its draws.

    Each draw of the holdout's rows calibrates the probabilities and gives the metric at promotion.
    So what is chance in the holdout is the same in both.

    Parameters
    ----------
    definition
        Names the classes that are known.
    measure
        The metric: an area under a curve, the log loss or the Brier score.
    window, holdout
        The n and m answers, with ``model_output`` and ``confidence``, of more than two classes with
        ``probabilities`` in each row; the latter with ``label``.
    rng, draws
        The randomness, and how many draws.
    """
    classes = probability_classes(definition, window, holdout)
    holdout, window = (_some(side, rng) for side in (holdout, window))
    truth = _columns(measure.truth(_texts(holdout, _LABEL), classes))
    then, now = (_scored(measure, side, classes) for side in (holdout, window))
    sharpness = sharpness_of(holdout)
    calibration = _Calibration(truth, _as_sure(then, sharpness), now)
    metric_then, metric_now = (_Metric(measure, scores) for scores in (then, now))
    size = len(then)

    once = np.ones(size)
    changed = metric_now.score(calibration.of_window(once)) - metric_then.score(
        calibration.of_holdout(once)
    )
    value = metric_then.score(truth, once) + changed
    drawn, expected, promoted = (np.empty(draws) for _ in range(3))
    for draw in range(draws):
        weights, again = (
            np.bincount(rng.integers(rows, size=rows), minlength=rows).astype(np.float64)
            for rows in (size, len(now))
        )
        shares = calibration.of_window(weights)
        promoted[draw] = metric_then.score(truth, weights)
        beside = promoted[draw] - metric_then.score(calibration.of_holdout(weights), weights)
        drawn[draw] = beside + metric_now.score(_outcomes(shares, rng))
        expected[draw] = beside + metric_now.score(shares, again)
    lowest, highest = measure.limits
    drawn, expected = (np.clip(each, lowest, highest) for each in (drawn, expected))
    return Estimated(float(np.clip(value, lowest, highest)), drawn, expected, promoted)


def score_of_holdout(
    definition: ModelDefinition, measure: Measure, window: pa.Table, holdout: pa.Table
) -> float:
    """Return the metric of all answers on the holdout; the parameters are as above."""
    classes = probability_classes(definition, window, holdout)
    truth = measure.truth(_texts(holdout, _LABEL), classes)
    said = _scored(measure, holdout, classes)
    return measure.score(truth, said if said.shape[1] > 1 else said[:, 0], classes)


class _Calibration:
    """How probable each class is, by its score, in the rows of a window."""

    def __init__(
        self, truth: NDArray[np.float64], then: NDArray[np.float64], now: NDArray[np.float64]
    ) -> None:
        edges = [score_edges(column) for column in then.T]
        self._truth = truth
        self._then = [bins_of(*each) for each in zip(then.T, edges, strict=True)]
        self._now = [bins_of(*each) for each in zip(now.T, edges, strict=True)]

    def of_window(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities of the window's rows, with weights of the holdout's."""
        return self._shares(weights, self._now)

    def of_holdout(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return those of the holdout's own rows."""
        return self._shares(weights, self._then)

    def _shares(
        self, weights: NDArray[np.float64], bins: list[NDArray[np.intp]]
    ) -> NDArray[np.float64]:
        found = []
        for place, (then, wanted) in enumerate(zip(self._then, bins, strict=True)):
            hits = np.bincount(then, weights * self._truth[:, place], minlength=CONFIDENCE_BINS)
            rows = np.bincount(then, weights, minlength=CONFIDENCE_BINS)
            found.append(calibrated_shares(hits, rows)[wanted])
        shares = np.column_stack(found)
        if shares.shape[1] == 1:
            return shares
        whole = shares.sum(axis=1, keepdims=True)
        even = np.full_like(shares, 1 / shares.shape[1])
        return np.divide(shares, whole, out=even, where=whole > 0)


class _Metric:
    """The metric of rows with fixed probabilities, for ground truth that is given in shares."""

    def __init__(self, measure: Measure, scores: NDArray[np.float64]) -> None:
        self._name = measure.name
        self._losses: NDArray[np.float64] | None = None
        if measure.kind == "means":
            self._losses = _losses(measure, scores)
            return
        self._groups = [_descending_groups(column) for column in scores.T]

    def score(
        self, truth: NDArray[np.float64], weights: NDArray[np.float64] | None = None
    ) -> float:
        """Return the metric, of rows that count once or as often as ``weights`` says.

        Parameters
        ----------
        truth
            The share of each class in each row, shape (n, 1) for two classes, else (n, classes).
        weights
            n counts.
        """
        count = np.ones(len(truth)) if weights is None else weights
        if self._losses is not None:
            full = np.column_stack([1 - truth, truth]) if truth.shape[1] == 1 else truth
            return float(count @ (full * self._losses).sum(axis=1) / count.sum())
        hits = [
            np.bincount(group, count * column)
            for group, column in zip(self._groups, truth.T, strict=True)
        ]
        rows = [np.bincount(group, count) for group in self._groups]
        return mean_area_of_groups(self._name, hits, rows)


def _losses(measure: Measure, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the loss of each row for each possible ground truth, shape (n, classes)."""
    rows, columns = scores.shape
    if columns == 1:
        score = scores[:, 0]
        sides = (np.zeros(rows), np.ones(rows))
        return np.column_stack([measure.terms(side, score)[0] for side in sides])
    truths = (np.broadcast_to(one, scores.shape) for one in np.eye(columns))
    return np.column_stack([measure.terms(truth, scores)[0] for truth in truths])


def _outcomes(shares: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a drawn ground truth of each row, as 1 for its class and 0 for the others."""
    drawn = rng.random((len(shares), 1))
    if shares.shape[1] == 1:
        return (drawn < shares).astype(np.float64)
    classes = (drawn >= np.cumsum(shares, axis=1)[:, :-1]).sum(axis=1)
    return np.eye(shares.shape[1])[classes]


def _descending_groups(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the group of each row: those with the largest scores are in group 0."""
    values = np.unique(-scores)
    if values.size > _GROUPS:
        values = np.unique(np.quantile(-scores, np.linspace(0, 1, _GROUPS + 1)[:-1]))
    return np.searchsorted(values, -scores, side="right") - 1


def _scored(measure: Measure, rows: pa.Table, classes: list[str]) -> NDArray[np.float64]:
    shares = None
    if measure.has_columns(classes):
        shares = shares_of_classes(logged_shares(rows), classes)
    sure: NDArray[Any] = rows[CONFIDENCE].cast("float64").to_numpy()
    return _columns(measure.answers(_texts(rows, MODEL_OUTPUT), sure, classes, shares))


def _as_sure(scores: NDArray[np.float64], sharpness: Sharpness | None) -> NDArray[np.float64]:
    if sharpness is None:
        return scores
    if scores.shape[1] > 1:
        return sharpness.of_shares(scores)
    return sharpness.of_shares(np.column_stack([1 - scores[:, 0], scores[:, 0]]))[:, 1:]


def _columns(values: NDArray[Any]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = values.reshape(len(values), -1)
    return found


def _texts(rows: pa.Table, name: str) -> NDArray[Any]:
    return np.array(rows[name].to_pylist(), dtype=object)


def _some(rows: pa.Table, rng: np.random.Generator) -> pa.Table:
    if rows.num_rows <= _MOST_ROWS:
        return rows
    return rows.take(np.sort(rng.permutation(rows.num_rows)[:_MOST_ROWS]))
