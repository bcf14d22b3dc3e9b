"""The statistics behind the drift tests, on plain numpy arrays."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_CELLS = 100
"""Largest number of cells. The rarest categories share the last one."""
_SAFE_EXPECTED = 5.0  # Cochran's rule: below it the chi-square distribution is a poor approximation
_RESAMPLES = 9_999
_ENOUGH = 50
_BATCH = 500


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Correct the p-values of a family of tests by Holm's method.

    Parameters
    ----------
    p_values
        Raw p-values, shape (m,).

    Returns
    -------
    numpy.ndarray
        Corrected p-values in the same order, shape (m,). If those below alpha are rejected, the
        probability of any false alarm in the family is alpha at most.

    Notes
    -----
    Holm (1979), "A simple sequentially rejective multiple test procedure". Valid under any
    dependence between the tests.
    """
    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    stepped = raw[order] * np.arange(raw.size, 0, -1)
    corrected = np.empty_like(raw)
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return corrected


def ks_distance(reference: NDArray[np.floating], window: NDArray[np.floating]) -> float:
    """Return the Kolmogorov-Smirnov statistic of two samples, 0 to 1.

    It is the largest gap between their empirical distribution functions. Both samples are finite
    and not empty; shapes (n,) and (m,).
    """
    # Not scipy's ks_2samp, which also computes a p-value: it takes three to four times as long, and
    # its asymptotic method divides by zero if both samples are a single row.
    left, right = np.sort(reference), np.sort(window)
    points = np.concatenate([left, right])
    gap = np.searchsorted(left, points, side="right") / left.size
    gap -= np.searchsorted(right, points, side="right") / right.size
    return float(np.abs(gap).max())


def category_counts(
    reference: NDArray[np.object_], window: NDArray[np.object_]
) -> NDArray[np.int64]:
    """Return the contingency table of both sides, shape (2, cells), most frequent category first.

    Cells beyond :data:`MAX_CELLS` are summed into the last. Ordering and summing depend only on
    both samples together, so they cannot favour either verdict.
    """
    # A hash table counts: sorting strings takes a hundred times as long.
    left, right = Counter(reference.tolist()), Counter(window.tolist())
    values = sorted(left.keys() | right.keys())
    counts = np.array([[side[value] for value in values] for side in (left, right)])
    counts = counts[:, np.argsort(-counts.sum(axis=0), kind="stable")]
    if len(values) > MAX_CELLS:
        kept, rest = counts[:, : MAX_CELLS - 1], counts[:, MAX_CELLS - 1 :]
        counts = np.column_stack([kept, rest.sum(axis=1)])
    return counts.astype(np.int64)


def total_variation(counts: NDArray[np.int64]) -> float:
    """Return the total variation distance: the share of rows that would change category, 0 to 1.

    ``counts`` has shape (2, cells) with at least one row on each side.
    """
    shares = counts / counts.sum(axis=1, keepdims=True)
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def homogeneity(counts: NDArray[np.int64], seed: int) -> float:
    """Return the p-value of the test that both rows of a table come from one distribution.

    With two cells it is Fisher's exact test, with more Pearson's chi-square test. If every expected
    count is at least 5, the p-value comes from the chi-square distribution. Otherwise it comes from
    tables that are resampled with the same margins, which is exact at any size (to a resolution of
    1e-4). Resampling stops once 50 tables are as extreme as the observed one (Besag and Clifford
    (1991), "Sequential Monte Carlo p-values").

    Parameters
    ----------
    counts
        Shape (2, cells), no cell empty on both sides, at least one row on each side.
    seed
        Seed of the resampling.
    """
    cells = counts.shape[1]
    if cells < 2:
        return 1.0
    if cells == 2:
        return float(stats.fisher_exact(counts).pvalue)
    sides, totals = counts.sum(axis=1), counts.sum(axis=0)
    if (totals.min() * sides.min() / sides.sum()) >= _SAFE_EXPECTED:
        return float(stats.chi2_contingency(counts, correction=False).pvalue)
    return _resampled(counts, np.random.default_rng(seed))


def _resampled(counts: NDArray[np.int64], rng: np.random.Generator) -> float:
    sides, totals = counts.sum(axis=1), counts.sum(axis=0)
    smaller = int(np.argmin(sides))
    expected = totals * (sides[smaller] / sides.sum())

    def statistic(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        # With fixed margins Pearson's chi-square grows with this sum, so both rank tables in the
        # same order.
        return np.asarray(((drawn - expected) ** 2 / expected).sum(axis=-1))

    observed = statistic(counts[smaller])
    as_extreme = 0
    for first in range(0, _RESAMPLES, _BATCH):
        size = min(_BATCH, _RESAMPLES - first)
        drawn = rng.multivariate_hypergeometric(
            totals, int(sides[smaller]), size=size, method="marginals"
        )
        extreme = as_extreme + np.cumsum(statistic(drawn) >= observed * (1 - 1e-12))
        as_extreme = int(extreme[-1])
        if as_extreme >= _ENOUGH:
            return _ENOUGH / (first + 1 + int(np.searchsorted(extreme, _ENOUGH)))
    # The observed table counts as one of the resampled tables.
    return (as_extreme + 1) / (_RESAMPLES + 1)
