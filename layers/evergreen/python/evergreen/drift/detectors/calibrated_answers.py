"""How many rows come true, by their score as the holdout has calibrated it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import isotonic_regression

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONFIDENCE_BINS = 50
"""Number of bins of scores, with as many rows of the holdout each."""


def score_edges(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges between the bins of scores, of which there are fewer if scores repeat.

    Parameters
    ----------
    scores
        n scores of the holdout.
    """
    return np.unique(np.quantile(scores, np.linspace(0, 1, CONFIDENCE_BINS + 1)[1:-1]))


def bins_of(scores: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the bin of each of n scores."""
    return np.searchsorted(edges, scores, side="right")


def calibrated_shares(hits: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probability that a row of each bin comes true: it grows with the score.

    Parameters
    ----------
    hits, rows
        How many of the holdout's rows came true in each bin, and how many there are.
    """
    shares = np.divide(hits, rows, np.full(rows.size, 0.5), where=rows > 0)
    fitted = isotonic_regression(shares, weights=np.maximum(rows, 1e-6)).x
    return np.clip(np.asarray(fitted, dtype=np.float64), 0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class RightAnswers:
    """How many of a window's answers are right, in each draw; the first is no draw.

    Parameters
    ----------
    drawn
        How many will be, by their ground truth: shape (1 + draws,). The first is any draw.
    rows, expected
        Of rows like them, drawn anew, how many there are and how many are right on average: shape
        (1 + draws,). The first are the rows as they are.
    """

    drawn: NDArray[np.float64]
    rows: NDArray[np.float64]
    expected: NDArray[np.float64]


def right_answers(
    hits: NDArray[np.float64],
    rows: NDArray[np.float64],
    now: NDArray[np.int64],
    rng: np.random.Generator,
) -> RightAnswers:
    """Return how many of the window's answers are right: as expected, and in each draw.

    Parameters
    ----------
    hits, rows
        How many of the holdout's answers in each bin were right, and how many there are, shape
        (1 + draws, bins): as they are, and in each draw of the holdout.
    now
        How many of the window's answers are in each bin.
    rng
        The randomness of the window's rows and of their ground truth.
    """
    shares = np.array([calibrated_shares(*each) for each in zip(hits, rows, strict=True)])
    # Each row is there so often that on average it is there once.
    again = np.vstack([now, rng.poisson(now, size=(len(shares) - 1, len(now)))]).astype(np.float64)
    return RightAnswers(
        drawn=rng.binomial(now, shares).sum(axis=1).astype(np.float64),
        rows=again.sum(axis=1),
        expected=(again * shares).sum(axis=1),
    )
