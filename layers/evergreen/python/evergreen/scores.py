"""What is looked at beside the metric that decides: logged and kept with the decision, no more.

Classification: area under the ROC curve and log loss. Regression and time series: mean absolute
error. Time series also: mean absolute scaled error against the seasonal naive forecast (R. Hyndman
and A. Koehler, "Another look at measures of forecast accuracy", *International Journal of
Forecasting* 22, 2006), the RMSE of that forecast, and the RMSE in the worst window of the holdout.

Every row of a time series is a forecast from its own origin, made with what was known then, so
scoring a holdout is a rolling-origin evaluation with fixed coefficients (L. Tashman,
"Out-of-sample tests of forecasting accuracy", *International Journal of Forecasting* 16, 2000): the
models are judged as they would serve, between one retraining and the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.dataset import to_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.model_definition import ModelDefinition

WINDOWS = 4
"""Into how many windows of origins, one after another, a time series' holdout is cut."""


def classification_scores(
    truth: NDArray[np.object_], probabilities: NDArray[np.float64], classes: Sequence[str]
) -> dict[str, float]:
    """Return ``log_loss`` and ``auc`` (one against the rest, unweighted, for over two classes).

    A score that these rows do not define is left out: the area if not every class occurs, the loss
    if a class occurs that the model has never heard of.

    Parameters
    ----------
    truth
        n labels, as text.
    probabilities
        Shape (n, classes).
    classes
        The model's classes, in the order of the columns.
    """
    names = np.array(classes, dtype=object)
    hits = truth[:, np.newaxis] == names
    scores: dict[str, float] = {}
    if len(names) < 2 or not hits.any(axis=1).all():
        return scores
    shares = probabilities / probabilities.sum(axis=1, keepdims=True)
    tiny = np.finfo(np.float64).eps
    scores["log_loss"] = float(-np.log(np.clip(shares[hits], tiny, 1.0)).mean())
    if hits.any(axis=0).all():
        areas = [area_under_roc(*side) for side in zip(hits.T, probabilities.T, strict=True)]
        scores["auc"] = float(np.mean(areas))
    return scores


def area_under_roc(positive: NDArray[np.bool_], values: NDArray[np.float64]) -> float:
    """Return the probability that a positive row's value is above a negative one's.

    Ties count half (J. Hanley and B. McNeil, "The meaning and use of the area under a receiver
    operating characteristic curve", *Radiology* 143, 1982).

    Parameters
    ----------
    positive
        Which of n rows are positive: not all, and not none.
    values
        n values.
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    hits = int(positive.sum())
    pairs = hits * (positive.size - hits)
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / pairs)


def number_scores(
    definition: ModelDefinition,
    truth: NDArray[np.float64],
    predicted: NDArray[np.float64],
    rows: pa.Table,
    training: pa.Table | None,
) -> dict[str, float]:
    """Return ``mae``, and for a time series what is said about it at the top of this module.

    Parameters
    ----------
    definition
        The model's.
    truth, predicted
        n values each, in the unit of the target.
    rows
        The n rows with their features, a time series' in time order.
    training
        The rows trained on, which give MASE its scale; without them, or where the naive forecast
        is perfect on them, there is no ``mase``.
    """
    errors = np.abs(truth - predicted)
    scores = {"mae": float(errors.mean())}
    if definition.forecast is None:
        return scores
    naive = _naive(definition, rows)
    scores["rmse_seasonal_naive"] = float(np.sqrt(np.mean((truth - naive) ** 2)))
    scores["rmse_worst_window"] = max(window_rmse(truth, predicted))
    if training is not None and training.num_rows:
        known = training[definition.target].to_numpy()
        scale = float(np.mean(np.abs(known - _naive(definition, training))))
        if scale > 0:
            scores["mase"] = scores["mae"] / scale
    return scores


def window_rmse(
    truth: NDArray[np.float64], predicted: NDArray[np.float64], windows: int = WINDOWS
) -> list[float]:
    """Return the RMSE within each of several windows of equal length, oldest first.

    Parameters
    ----------
    truth, predicted
        n values each, in time order.
    windows
        How many; fewer if there are fewer rows.
    """
    squares = np.array_split((truth - predicted) ** 2, min(windows, truth.size))
    return [float(np.sqrt(part.mean())) for part in squares]


def _naive(definition: ModelDefinition, rows: pa.Table) -> NDArray[np.float64]:
    assert definition.forecast is not None
    return to_columns(definition, rows)[definition.forecast.seasonal_naive].astype(np.float64)
