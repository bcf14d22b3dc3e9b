"""The terms of a metric: the numbers of each row whose means give it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def terms_of_numbers(
    name: str,
    ground_truth: NDArray[np.float64],
    predicted: NDArray[np.float64],
    quantile: float,
) -> NDArray[np.float64]:
    """Return the terms of a metric of numbers or of one probability, shape (terms, n).

    Parameters
    ----------
    name
        The metric.
    ground_truth, predicted
        n numbers each; for the log loss and the Brier score 1 or 0, and a probability.
    quantile
        The quantile that ``pinball`` scores.
    """
    errors = ground_truth - predicted
    sizes = np.abs(errors)
    match name:
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
            found = [np.maximum(quantile * errors, (quantile - 1) * errors)]
        case "r2":
            found = [errors**2, ground_truth, ground_truth**2]
        case _:
            found = [errors**2]
    return np.stack(found)


def terms_of_classes(
    name: str, truth: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the terms of the log loss or the Brier score of many classes, shape (1, n).

    Parameters
    ----------
    name
        The metric. The Brier score is the sum over all classes (G. Brier, "Verification of
        forecasts expressed in terms of probability", *Monthly Weather Review* 78, 1950), from 0 to
        2. The log loss takes the probabilities of a row as shares of their sum.
    truth
        1 for the true class of a row and 0 for the others, shape (n, classes).
    shares
        The probabilities, of the same shape.
    """
    if name == "brier":
        return ((truth - shares) ** 2).sum(axis=1)[np.newaxis]
    least = np.finfo(np.float64).eps  # as scikit-learn does
    of_true = (truth * shares).sum(axis=1) / np.maximum(shares.sum(axis=1), least)
    return -np.log(np.clip(of_true, least, 1 - least))[np.newaxis]
