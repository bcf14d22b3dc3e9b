"""The statistics behind the drift tests, on plain numpy arrays."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats
from scipy.special import gammaln

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_CELLS = 100
"""Largest number of cells. The rarest categories share the last one."""
_SAFE_EXPECTED = 5.0  # Cochran's rule: below it the chi-square distribution is a poor approximation
_RESAMPLES = 9_999
_ENOUGH = 50
_BATCH = 500
_IMPOSSIBLE = 1e-12  # a little above the rounding of a sum of double-precision numbers


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


def unseen_categories(
    reference: NDArray[np.object_], window: NDArray[np.object_]
) -> tuple[float, float] | None:
    """Test whether the window has more rows with a category that the reference lacks than chance.

    Without drift all rows are exchangeable. Then a category with c rows on both sides together has
    all of them in the window with probability C(N - c, m - c) / C(N, m), for m rows in the window
    and N in all. The p-value is the probability of at least as many rows of such categories. The
    categories are taken as independent. In truth the rows of one leave fewer places for another,
    so the true spread is smaller and the test errs towards no alarm.

    Parameters
    ----------
    reference, window
        At least one row on each side.

    Returns
    -------
    tuple
        The p-value, and the share of the window's rows beyond the share that chance explains. None
        if nothing is unseen and chance could not have made it so either.
    """
    left, right = Counter(reference.tolist()), Counter(window.tolist())
    unseen = sum(count for value, count in right.items() if value not in left)
    sizes, numbers = np.unique(list((left + right).values()), return_counts=True)
    chances = _all_in_window(sizes, window.size, reference.size + window.size)
    likely = chances > _IMPOSSIBLE
    if not (unseen or likely.any()):
        return None
    sizes, numbers, chances = sizes[likely], numbers[likely], chances[likely]
    excess = max(unseen - float(sizes @ (numbers * chances)), 0.0) / window.size
    return _at_least(unseen, sizes, numbers, chances), excess


def _all_in_window(sizes: NDArray[np.int64], rows: int, all_rows: int) -> NDArray[np.float64]:
    """Return the probability that all rows of a category are in the window, by its size."""
    fitting = np.minimum(sizes, rows)
    chances = np.exp(
        gammaln(rows + 1)
        - gammaln(rows - fitting + 1)
        - gammaln(all_rows + 1)
        + gammaln(all_rows - fitting + 1)
    )
    return np.where(sizes <= rows, chances, 0.0)


def _at_least(
    observed: int,
    sizes: NDArray[np.int64],
    numbers: NDArray[np.int64],
    chances: NDArray[np.float64],
) -> float:
    """Return the probability that the sum of sizes times Binomial(number, chance) is so large.

    The distribution is the inverse Fourier transform of a product, one factor for each size.
    """
    length = int(sizes @ numbers) + 1
    turns = np.exp(-2j * np.pi * np.arange(length // 2 + 1) / length)
    transform = np.ones(turns.size, dtype=np.complex128)
    for size, number, chance in zip(sizes, numbers, chances, strict=True):
        transform *= (1 - chance + chance * turns**size) ** number
    tail = float(np.fft.irfft(transform, length)[observed:].sum()) if length > 1 else 0.0
    return 1.0 if not observed else min(max(tail, _IMPOSSIBLE), 1.0)


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
