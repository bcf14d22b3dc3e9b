"""Rows of two sides as one matrix of numbers, for models that learn from both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import stats

from evergreen.drift.detectors.texts import frequent_words

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from evergreen.columns import Columns
    from evergreen.model_definition import Feature

_ONE_HOT = 8


class PooledRows(NamedTuple):
    """The matrix, shape (rows of both sides, columns), and the feature of each column."""

    matrix: NDArray[np.float32]
    names: list[str]


def pooled_rows(
    features: Mapping[str, Feature], first: Columns, second: Columns, unlogged: Collection[str]
) -> PooledRows:
    """Return the rows of two sides, one below the other, as numbers that trees can split.

    Numbers become ranks. Categories become a rank by frequency, and a column for each of the most
    frequent; texts their length, and a column for each of the most frequent words. Columns that do
    not vary are left out.

    Parameters
    ----------
    features
        The features by name, in order.
    first, second
        Columns as the model sees them (shapes (n,) and (m,)): float32 with NaN, or str with "".
    unlogged
        Features that are left out.
    """
    names, blocks, rows = [], [], 0
    for name, feature in features.items():
        if name in unlogged:
            continue
        pooled = np.concatenate([first[name], second[name]])
        rows = pooled.size
        if feature.type == "text":
            block = _varying(frequent_words(pooled))
        else:
            block = _numeric(pooled) if feature.is_numeric else _categories(pooled)
        names += [name] * block.shape[1]
        blocks.append(block)
    matrix = np.column_stack(blocks) if blocks else np.empty((rows, 0))
    return PooledRows(matrix.astype(np.float32), names)


def _numeric(values: NDArray[Any]) -> NDArray[np.float64]:
    # Ranks keep the order of the values and ignore how far away an outlier is. Missing and infinite
    # values rank below all others.
    finite = np.isfinite(values)
    ranks = np.full(values.size, -0.1)
    if finite.any():
        ranks[finite] = stats.rankdata(values[finite]) / finite.sum()
    return _varying(ranks[:, np.newaxis])


def _categories(values: NDArray[Any]) -> NDArray[np.float64]:
    # One column ranks the categories by frequency in both sides together. Each of the most frequent
    # categories also gets a column of its own.
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    position = np.empty(order.size, dtype=np.int64)
    position[order] = np.arange(order.size)
    ordinal = position[codes]
    one_hot = ordinal[:, np.newaxis] == np.arange(min(_ONE_HOT, order.size))
    columns = np.column_stack([ordinal, one_hot]) if order.size > 2 else ordinal[:, np.newaxis]
    return _varying(columns.astype(np.float64))


def _varying(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    return columns[:, np.ptp(columns, axis=0) > 0]
