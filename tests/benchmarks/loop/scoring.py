"""The metric of what was answered, and how sure a difference between two policies is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 2000
SEED = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much one policy is better than another; positive is better, whatever the metric."""

    value: float
    low: float
    high: float

    @property
    def within_noise(self) -> bool:
        """Whether it is not worse beyond what chance explains (95 %, both sides)."""
        return self.high >= 0


def sums_of(
    metric: str,
    ground_truth: NDArray[np.object_],
    answers: NDArray[np.object_],
    positive: str | None = None,
) -> NDArray[np.float64]:
    """Return for each of n rows what its metric is made of, shape (n, 2).

    F1 of the positive class (without it, the last in sorted order) is ``2 * first / second`` of the
    sums, RMSE the root of ``first / second``.
    """
    if metric == "f1":
        positive = max(ground_truth) if positive is None else positive
        true, said = ground_truth == positive, answers == positive
        return np.column_stack([true & said, true.astype(int) + said]).astype(np.float64)
    squares = (ground_truth.astype(np.float64) - answers.astype(np.float64)) ** 2
    return np.column_stack([squares, np.ones_like(squares)])


def score(metric: str, sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the metric of sums with shape (..., 2); larger is not always better."""
    ratio = sums[..., 0] / np.maximum(sums[..., 1], 1)
    return 2 * ratio if metric == "f1" else np.sqrt(ratio)


def gain(
    metric: str, ours: NDArray[np.float64], theirs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return by how much a metric is better than another; positive is better."""
    return ours - theirs if metric == "f1" else theirs - ours


def difference(
    metric: str,
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    blocks: NDArray[np.int64],
    resamples: int = RESAMPLES,
) -> Difference:
    """Compare two policies that answered the same rows: a paired bootstrap over blocks of time.

    Rows of one day share their weather and their news, so whole blocks are drawn (B. Efron and
    R. Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 8). The metric is that of all
    drawn rows together.

    Parameters
    ----------
    metric
        ``f1`` or ``rmse``.
    ours, theirs
        What :func:`sums_of` gives, shape (n, 2).
    blocks
        Number of the block that each row belongs to, shape (n,).
    resamples
        Number of draws.
    """
    _, index = np.unique(blocks, return_inverse=True)
    count = int(index.max()) + 1
    per_block = np.zeros((2, count, 2))
    for side, sums in enumerate((ours, theirs)):
        np.add.at(per_block[side], index, sums)
    random = np.random.default_rng(SEED)
    weights = random.multinomial(count, np.full(count, 1 / count), size=resamples)
    drawn = score(metric, weights @ per_block)
    low, high = np.quantile(gain(metric, *drawn), [0.025, 0.975])
    whole = gain(metric, *score(metric, per_block.sum(axis=1)))
    return Difference(float(whole), float(low), float(high))
