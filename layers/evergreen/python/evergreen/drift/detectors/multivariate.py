"""Multivariate drift: a classifier two-sample test on all features at once.

If a classifier can tell the window's rows from the reference's, the joint distribution has moved,
even if every single feature looks unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from evergreen.drift.detectors.pooled_rows import pooled_rows
from evergreen.drift.records import FeatureImportance, MultivariateTest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from evergreen.model_definition import Feature

ROWS_PER_SIDE = 2_000
"""Largest number of rows compared on each side: enough to find the smallest effect below."""
MIN_ROWS_PER_SIDE = 20
MIN_ACCURACY = 0.525
"""Accuracy that counts as the smallest effect. If a share d of the rows lies elsewhere, the best
possible classifier reaches 0.5 + d / 2; d = 0.05 as for single features."""
_TREES = 50
# Share of the features that each split may choose from. If only the relation of two features has
# changed, a split needs both; with the usual square root it seldom gets both.
_FEATURE_SHARE = 0.3
_LEAVES = 100
_TOP = 5
_SEED = 20130101


@dataclass(frozen=True, slots=True)
class _Fit:
    accuracy: float
    auc: float
    importances: NDArray[np.float64]


def compare_jointly(
    features: Mapping[str, Feature],
    reference: Mapping[str, NDArray[Any]],
    window: Mapping[str, NDArray[Any]],
    *,
    alpha: float,
    unlogged: frozenset[str] = frozenset(),
) -> MultivariateTest:
    """Test whether a classifier can distinguish the window's rows from the reference's.

    The same number of rows of both sides is cut into two halves. A random forest learns from one
    half to tell the sides apart and is scored on the other half; then the halves are swapped. If
    nothing has moved, each accuracy is that of coin tosses, whatever the forest has learnt. So its
    standard deviation is at most ``0.5 / sqrt(rows)``, where ``rows`` is the number of rows scored
    in a half. The mean of the two has no larger one, however they depend on each other. Chance
    therefore passes the limit ``0.5 + z(1 - alpha) * 0.5 / sqrt(rows)`` with probability ``alpha``
    at most.

    Parameters
    ----------
    features
        The model's features by name, in order.
    reference, window
        Columns as the model sees them (shapes (n,) and (m,)): float32 with NaN, or str with "".
    alpha
        Probability of a false alarm.
    unlogged
        Features that the request log does not hold.

    Notes
    -----
    Classifier two-sample tests: Lopez-Paz and Oquab (2017), "Revisiting classifier two-sample
    tests", section 3, for the accuracy on held-out rows. A feature's importance is what remains
    after its importance with shuffled sides is subtracted. This removes the trees' bias towards
    features with many values.
    """
    rows = min(*(_length(side) for side in (reference, window)), ROWS_PER_SIDE)
    if rows < MIN_ROWS_PER_SIDE:
        return _no_verdict(rows, f"fewer than {MIN_ROWS_PER_SIDE} rows on one side")
    rng = np.random.default_rng(_SEED)
    chosen = [rng.choice(_length(side), rows, replace=False) for side in (reference, window)]
    before, after = (
        {name: columns[name][rows_of] for name in features if name not in unlogged}
        for columns, rows_of in zip((reference, window), chosen, strict=True)
    )
    matrix, names = pooled_rows(features, before, after, unlogged)
    if matrix.shape[1] == 0:
        return _no_verdict(rows, "no feature varies")
    return _judge(matrix, names, rows, alpha, rng)


def _judge(
    matrix: NDArray[np.float32], names: list[str], rows: int, alpha: float, rng: np.random.Generator
) -> MultivariateTest:
    side = np.repeat([0, 1], rows)
    half = np.concatenate([_half(rows, rng), _half(rows, rng)])
    fit = _tell_apart(matrix, side, (half, ~half), rng)
    spread = 0.5 / np.sqrt(2 * (rows // 2))
    threshold = max(0.5 + float(stats.norm.isf(alpha)) * spread, MIN_ACCURACY)
    drifted = fit.accuracy > threshold
    top: tuple[FeatureImportance, ...] = ()
    if drifted:
        by_chance = _tell_apart(matrix, rng.permutation(side), (half,), rng)
        top = _top(names, fit.importances - by_chance.importances)
    return MultivariateTest(
        drifted=drifted,
        model_accuracy=fit.accuracy,
        threshold=threshold,
        auc=fit.auc,
        p_value=float(stats.norm.sf((fit.accuracy - 0.5) / spread)),
        top_features=top,
        rows_per_side=rows,
    )


def _half(rows: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    return rng.permutation(rows) < rows // 2


def _tell_apart(
    matrix: NDArray[np.float32],
    side: NDArray[np.int64],
    halves: tuple[NDArray[np.bool_], ...],
    rng: np.random.Generator,
) -> _Fit:
    accuracies, areas, importances = [], [], []
    for learnt in halves:
        forest = RandomForestClassifier(
            n_estimators=_TREES,
            min_samples_leaf=max(5, int(learnt.sum()) // _LEAVES),
            max_features=_FEATURE_SHARE,
            random_state=int(rng.integers(2**31)),
        ).fit(matrix[learnt], side[learnt])
        scores, actual = forest.predict_proba(matrix[~learnt])[:, 1], side[~learnt]
        # A score of exactly 0.5 counts as half right, not as a vote for one side.
        accuracies.append(np.where(scores == 0.5, 0.5, (scores > 0.5) == actual).mean())
        areas.append(roc_auc_score(actual, scores))
        importances.append(forest.feature_importances_)
    return _Fit(float(np.mean(accuracies)), float(np.mean(areas)), np.mean(importances, axis=0))


def _top(names: list[str], excess: NDArray[np.float64]) -> tuple[FeatureImportance, ...]:
    gained: dict[str, float] = {}
    for name, value in zip(names, excess, strict=True):
        gained[name] = gained.get(name, 0.0) + float(value)
    positive = {name: value for name, value in gained.items() if value > 0}
    total = sum(positive.values())
    ranked = sorted(positive.items(), key=lambda item: -item[1])[:_TOP]
    return tuple(
        FeatureImportance(feature_name=name, importance=value / total) for name, value in ranked
    )


def _length(columns: Mapping[str, NDArray[Any]]) -> int:
    return max((values.size for values in columns.values()), default=0)


def _no_verdict(rows: int, reason: str) -> MultivariateTest:
    return MultivariateTest(
        drifted=False,
        model_accuracy=None,
        threshold=None,
        auc=None,
        p_value=None,
        rows_per_side=rows,
        reason=reason,
    )
