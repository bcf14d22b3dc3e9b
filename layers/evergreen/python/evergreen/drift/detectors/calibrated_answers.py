"""How many answers are right, by their confidence as the holdout has calibrated it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import isotonic_regression

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BINS = 50  # of confidences, with as many rows of the holdout each


def right_answers(
    sure_then: NDArray[np.float64],
    right: NDArray[np.bool_],
    sure_now: NDArray[np.float64],
    rng: np.random.Generator,
    draws: int,
) -> NDArray[np.float64]:
    """Return how many of the window's answers are right: as expected, and in each draw.

    Parameters
    ----------
    sure_then, right
        Confidences of n answers on the holdout, and whether each was right.
    sure_now
        Confidences of the window's answers.
    rng, draws
        The randomness, and how many draws of the holdout's rows.
    """
    edges = np.unique(np.quantile(sure_then, np.linspace(0, 1, _BINS + 1)[1:-1]))
    bins = edges.size + 1
    cells = 2 * np.searchsorted(edges, sure_then, side="right") + right
    counts = np.bincount(cells, minlength=2 * bins)
    now = np.bincount(np.searchsorted(edges, sure_now, side="right"), minlength=bins)
    resampled = rng.multinomial(right.size, counts / right.size, size=draws)
    expected = float(now @ _calibrated(counts))
    drawn = [rng.binomial(now, _calibrated(each)).sum() for each in resampled]
    return np.array([expected, *drawn], dtype=np.float64)


def _calibrated(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the probability of being right in each bin, which grows with the confidence."""
    rows = counts.reshape(-1, 2).sum(axis=1).astype(np.float64)
    shares = np.divide(counts[1::2], rows, np.full(rows.size, 0.5), where=rows > 0)
    fitted = isotonic_regression(shares, weights=np.maximum(rows, 1e-6)).x
    return np.clip(np.asarray(fitted, dtype=np.float64), 0, 1)
