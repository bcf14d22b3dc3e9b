"""Direct loss estimation: how large the errors of a window's numbers are, learnt on the holdout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from evergreen.datasets.steps import rows_per_step
from evergreen.drift.detectors.pooled_rows import pooled_rows
from evergreen.drift.model_outputs import MODEL_OUTPUT
from evergreen.evaluation.metrics import block_length, rows_alike
from evergreen.model_definition import Feature

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.columns import Columns
    from evergreen.evaluation.measure import Measure
    from evergreen.model_definition import ModelDefinition

    type Estimated = tuple[float, NDArray[np.float64], NDArray[np.float64]]
    """The estimate, draws of what labels would give, and draws of the metric on the holdout."""

_TREES = 50
_MOST_ROWS = 2000  # of the holdout that the model of the loss learns from
_SEED = 20130101
_LABEL = "label"


def estimate_losses(
    definition: ModelDefinition,
    measure: Measure,
    window: pa.Table,
    holdout: pa.Table,
    sides: tuple[Columns, Columns],
    *,
    rng: np.random.Generator,
    draws: int,
) -> Estimated:
    """Return the estimate of a metric of numbers, with its draws.

    Parameters
    ----------
    definition
        Names the features, and says how rows depend on each other.
    measure
        The metric, a function of means.
    window, holdout
        The n and m answers, the latter with ``label``.
    sides
        The features of the holdout and of the window.
    rng, draws
        The randomness, and how many draws.
    """
    chosen = np.sort(rng.permutation(holdout.num_rows)[:_MOST_ROWS])
    holdout = holdout.take(chosen)
    outputs = [_column(side, MODEL_OUTPUT).astype(np.float64) for side in (holdout, window)]
    before = {name: values[chosen] for name, values in sides[0].items()}
    features = {**definition.features, MODEL_OUTPUT: Feature(type="float")}
    matrix = pooled_rows(
        features,
        {**before, MODEL_OUTPUT: outputs[0]},
        {**sides[1], MODEL_OUTPUT: outputs[1]},
        frozenset(definition.request_log.redact),
    ).matrix
    matrix = np.column_stack([matrix, np.zeros(len(matrix), np.float32)])  # if nothing else varies
    then, now = matrix[: holdout.num_rows], matrix[holdout.num_rows :]
    losses = measure.terms(_column(holdout, _LABEL).astype(np.float64), outputs[0])
    per_step = rows_per_step(definition, holdout)
    alike = rows_alike(losses, per_step) / per_step
    sizes = (holdout.num_rows, window.num_rows)
    blocks = [block_length(definition, size, per_step) * alike for size in sizes]
    means, spread = _mean_losses(then, now, losses, blocks)
    drawn = rng.multivariate_normal(means, spread, size=draws, check_valid="ignore").T
    terms = len(losses)
    estimated, promoted = (
        np.asarray(measure.of_means(np.maximum(side, losses.min(axis=1, keepdims=True))))
        for side in (drawn[:terms], drawn[terms:])  # no mean is below the least loss
    )
    return float(measure.of_means(means[:terms])), estimated, promoted


def _mean_losses(
    then: NDArray[np.float32],
    now: NDArray[np.float32],
    losses: NDArray[np.float64],
    blocks: Sequence[float],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each loss in window and holdout, shape (2 terms,), and their covariance.

    Each tree of the forest has learnt on a sample of the holdout's rows of its own. So the trees
    differ as much as the holdout could have been another one, and each has its mean loss on its
    sample: what is chance in the holdout is the same in both means. The second forest learns how
    much a row's loss differs from the expected one, which rows outside a tree's sample tell.
    """
    least = max(10, len(then) // 100)
    forest = RandomForestRegressor(
        _TREES, min_samples_leaf=least, max_features=1 / 3, oob_score=True, random_state=_SEED
    ).fit(then, _as_targets(losses))
    by_tree = np.array([tree.predict(now).reshape(len(now), -1).mean(axis=0) for tree in forest])
    errors = losses - np.asarray(forest.oob_prediction_).reshape(losses.shape[1], -1).T
    noise = RandomForestRegressor(
        _TREES // 2, min_samples_leaf=least, max_features=1 / 3, random_state=_SEED
    ).fit(then, _as_targets(errors**2))
    deviation = np.sqrt(noise.predict(now).reshape(len(now), -1).mean(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):  # a term that does not vary
        alike = np.nan_to_num(np.atleast_2d(np.corrcoef(errors)))
    together = alike * np.outer(deviation, deviation)
    by_sample = np.array([losses[:, rows].mean(axis=1) for rows in forest.estimators_samples_])
    spread = np.cov(np.column_stack([by_tree, by_sample]).T) * blocks[0]
    terms = len(losses)
    spread[:terms, :terms] += together * blocks[1] / len(now)
    return np.concatenate([by_tree.mean(axis=0), losses.mean(axis=1)]), spread


def _as_targets(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    return terms[0] if len(terms) == 1 else terms.T


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    values: NDArray[Any] = table[name].to_numpy(zero_copy_only=False)
    return values
