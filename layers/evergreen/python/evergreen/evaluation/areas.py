"""Areas under the ROC curve and the precision-recall curve, of many draws of the same rows.

Both are those of scikit-learn, which the tests compare them with. scikit-learn sorts the rows and
checks its input for each draw, which takes minutes for the thousands of draws of a comparison; here
the rows are sorted once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def roc_area(
    truth: NDArray[np.float64], scores: NDArray[np.float64], draws: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the area under the ROC curve of each draw; 0.5 where it has rows of one class only.

    Parameters
    ----------
    truth
        n values, 1 for the positive class and 0 for the other one.
    scores
        n probabilities of the positive class.
    draws
        How often each row is in each of k draws, shape (k, n).
    """
    return _roc(*_curve(truth, scores, draws))


def average_precision(
    truth: NDArray[np.float64], scores: NDArray[np.float64], draws: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the average precision of each draw; 0 where it has no row of the positive class.

    The parameters are those of :func:`roc_area`.
    """
    return _precision(*_curve(truth, scores, draws))


def mean_area(
    name: str,
    truth: NDArray[np.float64],
    shares: NDArray[np.float64],
    draws: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Return the mean area of each class against the others, of those that occur in a draw.

    Parameters
    ----------
    name
        ``roc_auc`` or ``pr_auc``.
    truth
        1 for the true class of a row and 0 for the others, shape (n, classes).
    shares
        Probabilities of the classes, of the same shape.
    draws
        As in :func:`roc_area`. A draw with rows of one class only has a ``roc_auc`` of 0.5.
    """
    area = roc_area if name == "roc_auc" else average_precision
    columns = range(truth.shape[1])
    each = np.stack([area(truth[:, k], shares[:, k], draws) for k in columns], axis=1)
    occurs = draws @ truth > 0
    if name == "roc_auc":
        occurs &= draws @ (1 - truth) > 0
    empty = 0.5 if name == "roc_auc" else 0.0
    found = occurs.sum(axis=1)
    mean = np.where(occurs, each, 0.0).sum(axis=1) / np.maximum(found, 1)
    return np.asarray(np.where(found > 0, mean, empty))


def mean_area_of_groups(
    name: str, hits: Sequence[NDArray[np.float64]], rows: Sequence[NDArray[np.float64]]
) -> float:
    """Return the mean area of each class against the others, from rows in groups by their score.

    Parameters
    ----------
    name
        ``roc_auc`` or ``pr_auc``.
    hits
        For each class how many rows of each group are of it, the largest scores first. They need
        not be whole numbers.
    rows
        For each class how many rows are in each group.
    """
    area = _roc if name == "roc_auc" else _precision
    found = []
    for mine, count in zip(hits, rows, strict=True):
        occurs = mine.sum() > 0 and (name != "roc_auc" or mine.sum() < count.sum())
        if occurs:
            true, false = (np.cumsum(each)[np.newaxis] for each in (mine, count - mine))
            found.append(float(area(true, false)[0]))
    return float(np.mean(found)) if found else 0.5 if name == "roc_auc" else 0.0


def _roc(hits: NDArray[np.float64], alarms: NDArray[np.float64]) -> NDArray[np.float64]:
    width = np.diff(alarms, axis=1, prepend=0)
    before = np.concatenate([np.zeros((len(hits), 1)), hits[:, :-1]], axis=1)
    whole = hits[:, -1] * alarms[:, -1]
    area = (width * (hits + before)).sum(axis=1) / 2
    return np.asarray(np.divide(area, whole, np.full(len(hits), 0.5), where=whole > 0))


def _precision(hits: NDArray[np.float64], alarms: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, all_hits = hits + alarms, hits[:, -1:]
    precision = np.divide(hits, rows, np.zeros_like(hits, dtype=np.float64), where=rows > 0)
    area = (np.diff(hits, axis=1, prepend=0) * precision).sum(axis=1, keepdims=True)
    nothing = np.zeros_like(area)
    return np.asarray(np.divide(area, all_hits, nothing, where=all_hits > 0))[:, 0]


def _curve(
    truth: NDArray[np.float64], scores: NDArray[np.float64], draws: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how many rows of either class score at least as much, at each distinct score."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), scores.size - 1)
    hits, alarms = (
        np.cumsum(draws[:, order] * side[order], axis=1)[:, last] for side in (truth, 1 - truth)
    )
    return hits, alarms
