"""Metrics of models: the one that decides, and the others that are shown.

:mod:`evergreen.evaluation.measure` has the metrics that may decide. For classes the area under the
ROC curve and the log loss are shown too (:mod:`evergreen.evaluation.probability_metrics`), and for
a time series the mean absolute scaled error against the seasonal naive forecast (R. Hyndman and A.
Koehler, "Another look at measures of forecast accuracy", *International Journal of Forecasting* 22,
2006), the RMSE of that forecast, and the RMSE in the worst window of the holdout
(:mod:`evergreen.evaluation.rolling_origin`).

This module needs only numpy: the shadow comparison imports it, and its layer has no scikit-learn.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from evergreen.model_definition import ModelDefinition


def f1_of_counts(
    true: NDArray[np.str_],
    predicted: NDArray[np.str_],
    counts: NDArray[np.int64] | NDArray[np.float64],
    classes: Sequence[str],
) -> NDArray[np.float64]:
    """Return the F1 score of each of several tables of counts.

    With up to two classes it is the F1 of the last one in sorted order (as scikit-learn counts:
    ``1`` of ``0, 1``, ``yes`` of ``no, yes``); with more it is the unweighted mean of the F1 of
    each. A class that is neither true nor predicted anywhere scores 0.

    Parameters
    ----------
    true, predicted
        The label pairs that are counted, one for each of m cells, as text.
    counts
        How often each pair occurs, shape (tables, m).
    classes
        Every class there is.

    Returns
    -------
    array
        One score for each table.
    """
    scored = sorted(classes) if len(classes) > 2 else sorted(classes)[-1:]
    scores = []
    for name in scored:
        hits = counts @ ((true == name) & (predicted == name))
        mentions = counts @ (true == name) + counts @ (predicted == name)
        scores.append(2 * hits / np.maximum(mentions, 1))
    return np.mean(scores, axis=0)


def rmse(ground_truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    """Return the root of the mean squared error, in the unit of the target (n values each)."""
    return float(np.sqrt(np.mean((ground_truth - predicted) ** 2)))


def scaled_error(
    ground_truth: NDArray[np.float64],
    predicted: NDArray[np.float64],
    *,
    trained_ground_truth: NDArray[np.float64],
    trained_naive: NDArray[np.float64],
    series: tuple[NDArray[np.str_], NDArray[np.str_]] | None = None,
) -> float | None:
    """Return the mean absolute scaled error, or None where the naive forecast has no error.

    The mean absolute error over that of the naive forecast on the rows trained on: below 1 is
    better than the naive forecast was there. Of several series each has its own scale, and rows of
    one without a scale are left out.

    Parameters
    ----------
    ground_truth, predicted
        n values each, in the unit of the target.
    trained_ground_truth, trained_naive
        Labels and seasonal naive forecasts of m > 0 rows that were trained on.
    series
        The series of the n rows, and of the m rows. Without it all are one.
    """
    ours, theirs = series or (np.zeros(ground_truth.size, str), np.zeros(trained_naive.size, str))
    names, places = np.unique(theirs, return_inverse=True)
    sums = np.bincount(places, np.abs(trained_ground_truth - trained_naive))
    scales = sums / np.bincount(places)
    found = np.minimum(np.searchsorted(names, ours), names.size - 1)
    scale = np.where(names[found] == ours, scales[found], 0.0)
    known = scale > 0
    if not known.any():
        return None
    return float(np.mean(np.abs(ground_truth - predicted)[known] / scale[known]))


def rows_alike(losses: NDArray[np.float64], per_step: int) -> float:
    """Return as how many independent rows the rows of a step vary: from 1 to all of them.

    Losses of several series at one time can be alike, because what happened is one for all. It is
    the variance of the sums of a step over what it is for independent rows, the design effect (L.
    Kish, *Survey Sampling*, 1965), of the loss for which it is largest.

    Parameters
    ----------
    losses
        Losses of n rows in the order of time, shape (losses, n).
    per_step
        How many rows a step has.
    """
    steps = losses.shape[1] // per_step
    if per_step == 1 or steps < 2:
        return 1.0
    parts = losses[:, : steps * per_step].reshape(len(losses), steps, per_step)
    apart = per_step * parts.reshape(len(losses), -1).var(axis=1)
    together = parts.sum(axis=2).var(axis=1)
    effect = np.divide(together, apart, np.ones(len(losses)), where=apart > 0)
    return float(np.clip(effect.max(), 1, per_step))


def block_length(definition: ModelDefinition, rows: int, per_step: int = 1) -> int:
    """Return how many consecutive rows a resampling keeps together.

    One where rows are independent. For a time series at least the horizon, as the errors of
    forecasts that many steps ahead overlap (F. Diebold and R. Mariano, "Comparing predictive
    accuracy", *Journal of Business & Economic Statistics* 13, 1995), and the cube root of the
    number of steps (P. Hall, J. Horowitz and B.-Y. Jing, "On blocking rules for the bootstrap with
    dependent data", *Biometrika* 82, 1995); at most half of the rows. The rows of a step, one for
    each of several series, stay together: their errors are alike too.

    Parameters
    ----------
    definition
        The model's.
    rows
        Their number.
    per_step
        How many rows a step has (:func:`evergreen.datasets.steps.rows_per_step`).
    """
    if definition.forecast is None:
        return 1
    steps = max(definition.longest_horizon, math.ceil(math.cbrt(rows / per_step)))
    return max(min(steps * per_step, rows // 2), 1)
