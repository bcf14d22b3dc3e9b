"""Performance degradation: a permutation test of the metric against the holdout at promotion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evergreen.drift.log import PerformanceTest
from evergreen.evaluation.metrics import block_length, f1_of_counts

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.model_definition import ModelDefinition

SHUFFLES = 4_999
"""Number of random permutations of the rows."""
_MAX_BLOCKS = 10_000
"""Largest number of blocks per side that the RMSE test permutes. A block is one row, or several
consecutive rows of a time series."""
_CELLS = 2_000_000  # block sums permuted at a time: 16 MB
_LABEL, _OUTPUT = "label", "model_output"
_SEED = 20130101


@dataclass(frozen=True, slots=True)
class _Permuted:
    """The metric on both sides, its difference, and the differences under random permutations."""

    window: float
    holdout: float
    difference: float
    by_chance: NDArray[np.float64]


def why_untestable(
    definition: ModelDefinition, labelled: pa.Table, holdout: pa.Table | None
) -> str | None:
    """Return why performance cannot be tested, or None if it can.

    Parameters
    ----------
    definition, labelled, holdout
        As :func:`compare_performance` takes them.
    """
    if holdout is None:
        return "what this version answers on its holdout was not kept when it was trained"
    if not holdout.num_rows:
        return "no rows were held out when this version was trained"
    rows, needed = labelled.num_rows, definition.drift.min_rows
    if rows < needed:
        return f"{rows} labelled rows in the window, {needed} needed"
    return None


def compare_performance(
    definition: ModelDefinition, labelled: pa.Table, holdout: pa.Table | None, *, alpha: float
) -> PerformanceTest:
    """Compare the metric on labelled rows of the window with the metric on the holdout.

    The model has degraded if its metric is worse than on its holdout by more than chance explains.
    A permutation test measures chance: it divides the rows of both sides at random into two new
    sides, many times (P. Good, *Permutation, Parametric, and Bootstrap Tests of Hypotheses*, 2005).
    It includes the uncertainty of both sides and is exact at any number of rows. For a time series
    it moves whole blocks of consecutive rows, because the errors of neighbours are alike.

    Parameters
    ----------
    definition
        Names the metric, and the smallest number of rows for a verdict (``drift.min_rows``).
    labelled
        Rows of the window with ``model_output`` and ``label``, in time order.
    holdout
        The same columns for the version in production on its holdout, if they were kept.
    alpha
        Probability of a false alarm.
    """
    reason = why_untestable(definition, labelled, holdout)
    rows = 0 if holdout is None else holdout.num_rows
    if reason is not None or holdout is None:
        return PerformanceTest(
            metric=definition.metric,
            drifted=False,
            value=None,
            interval_low=None,
            interval_high=None,
            threshold=None,
            labelled_rows=labelled.num_rows,
            holdout_rows=rows,
            alpha=alpha,
            reason=reason,
        )
    rng = np.random.default_rng(_SEED)
    higher_is_better = definition.metric == "f1"
    if higher_is_better:
        permuted = _permute_f1(labelled, holdout, rng)
    else:
        permuted = _permute_rmse(definition, labelled, holdout, rng)
    worse = permuted.by_chance <= permuted.difference
    if not higher_is_better:
        worse = permuted.by_chance >= permuted.difference
    p_value = (1 + int(worse.sum())) / (1 + SHUFFLES)
    least, most = (float(bound) for bound in np.quantile(permuted.by_chance, [alpha, 1 - alpha]))
    return PerformanceTest(
        metric=definition.metric,
        drifted=p_value <= alpha,
        value=permuted.window,
        interval_low=permuted.window - most,
        interval_high=permuted.window - least,
        threshold=permuted.holdout,
        labelled_rows=labelled.num_rows,
        holdout_rows=rows,
        p_value=p_value,
        alpha=alpha,
    )


def _permute_f1(labelled: pa.Table, holdout: pa.Table, rng: np.random.Generator) -> _Permuted:
    # F1 depends only on how often each pair (label, prediction) occurs. A random permutation draws
    # these counts from a hypergeometric distribution. So the cost does not grow with the rows.
    ours, theirs = _pair_counts(labelled), _pair_counts(holdout)
    pairs = sorted({*ours, *theirs})
    ground_truth, answers = np.array(pairs).T
    window = np.array([ours.get(pair, 0) for pair in pairs])
    pooled = window + [theirs.get(pair, 0) for pair in pairs]
    permuted = rng.multivariate_hypergeometric(
        pooled, labelled.num_rows, size=SHUFFLES, method="marginals"
    )
    counts = np.vstack([window, permuted])
    classes = sorted({*ground_truth.tolist(), *answers.tolist()})
    here = f1_of_counts(ground_truth, answers, counts, classes)
    there = f1_of_counts(ground_truth, answers, pooled - counts, classes)
    return _Permuted(float(here[0]), float(there[0]), float(here[0] - there[0]), (here - there)[1:])


def _pair_counts(table: pa.Table) -> dict[tuple[str, str], int]:
    counted = table.group_by([_LABEL, _OUTPUT]).aggregate([([], "count_all")])
    columns = (counted[name].to_pylist() for name in (_LABEL, _OUTPUT, "count_all"))
    return {(label, output): count for label, output, count in zip(*columns, strict=True)}


def _permute_rmse(
    definition: ModelDefinition, labelled: pa.Table, holdout: pa.Table, rng: np.random.Generator
) -> _Permuted:
    squares = [_squared_errors(table) for table in (labelled, holdout)]
    block = block_length(definition, min(side.size for side in squares))
    sums = [_block_sums(side, block, rng) for side in squares]
    pooled, count = np.concatenate(sums), sums[0].size
    windows = [sums[0].sum(keepdims=True)]
    at_once = max(_CELLS // pooled.size, 1)
    for first in range(0, SHUFFLES, at_once):
        tables = np.tile(pooled, (min(at_once, SHUFFLES - first), 1))
        windows.append(rng.permuted(tables, axis=1)[:, :count].sum(axis=1))
    window = np.concatenate(windows)
    # Sums in another order differ in their last digits; a sum of squares must not be below zero.
    others = np.maximum(pooled.sum() - window, 0.0)
    differences = np.sqrt(window / (count * block))
    differences -= np.sqrt(others / ((pooled.size - count) * block))
    here, there = (float(np.sqrt(side.mean())) for side in squares)
    return _Permuted(here, there, float(differences[0]), differences[1:])


def _squared_errors(table: pa.Table) -> NDArray[np.float64]:
    ground_truth, answers = (table[name].to_numpy() for name in (_LABEL, _OUTPUT))
    return np.asarray((ground_truth - answers) ** 2)


def _block_sums(
    squares: NDArray[np.float64], block: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    sums = squares[: squares.size // block * block].reshape(-1, block).sum(axis=1)
    return sums if sums.size <= _MAX_BLOCKS else rng.choice(sums, _MAX_BLOCKS, replace=False)
