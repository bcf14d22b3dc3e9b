"""How far the predictions of two models are apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp

if TYPE_CHECKING:
    from numpy.typing import NDArray


def concordance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return Lin's concordance correlation of n pairs: 1 if all are equal, 0 if unrelated.

    The result is 1 if both sides are constant and equal.
    """
    spread = float(np.var(first) + np.var(second) + (np.mean(first) - np.mean(second)) ** 2)
    if spread == 0:
        return 1.0
    together = float(np.mean((first - np.mean(first)) * (second - np.mean(second))))
    return 2 * together / spread


def label_distance(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the Jensen-Shannon distance (base 2) of two sides' labels, as text."""
    labels = sorted({*first, *second})
    shares = [
        np.array([np.mean(side == label) for label in labels], dtype=np.float64)
        for side in (first, second)
    ]
    # For two equal distributions rounding may give the square root of a negative number.
    return float(np.nan_to_num(jensenshannon(shares[0], shares[1], base=2.0)))


def largest_gap(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the Kolmogorov-Smirnov statistic: the largest gap between the two distributions."""
    return float(ks_2samp(first, second).statistic)
