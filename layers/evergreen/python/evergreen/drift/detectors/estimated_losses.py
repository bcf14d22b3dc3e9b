"""Direct loss estimation: how large the errors of a window's numbers are, learnt on the holdout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from evergreen.datasets.steps import rows_per_step
from evergreen.drift.detectors.estimated import Estimated
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
    means, spread, chance = _mean_losses(then, now, losses, blocks)
    terms = len(losses)
    with_truth = spread[:terms, :terms] + chance
    least = losses.min(axis=1)
    pairs = _draws(means, spread, np.tile(least, 2), rng, draws)
    alone = _draws(means[:terms], with_truth, least, rng, draws)
    drawn, expected, promoted = (
        np.asarray(measure.of_means(side)) for side in (alone, pairs[:terms], pairs[terms:])
    )
    return Estimated(float(measure.of_means(means[:terms])), drawn, expected, promoted)


def _draws(
    means: NDArray[np.float64],
    spread: NDArray[np.float64],
    least: NDArray[np.float64],
    rng: np.random.Generator,
    draws: int,
) -> NDArray[np.float64]:
    """Draw mean losses that have these means and covariances, shape (means, draws).

    Losses that are never negative have a mean that is not either, however unsure it is: it is
    log-normal. Other means are normal, and none is below the least loss.
    """
    if (least >= 0).all() and (means > 0).all():
        logs = np.log1p(np.maximum(spread / np.outer(means, means), -0.9))
        centre = np.log(means) - np.diag(logs) / 2
        return np.exp(rng.multivariate_normal(centre, logs, size=draws, check_valid="ignore").T)
    drawn = rng.multivariate_normal(means, spread, size=draws, check_valid="ignore").T
    return np.maximum(drawn, least[:, np.newaxis])


def _mean_losses(
    then: NDArray[np.float32],
    now: NDArray[np.float32],
    losses: NDArray[np.float64],
    blocks: Sequence[float],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each loss in window and holdout, and how sure it is.

    A forest answers with a weighted mean of the losses that it has learnt from, so its mean over
    the window is one too. Given the weights, the variance follows from what is unexpected in each
    loss, which trees tell that have not learnt from the row (S. Athey, J. Tibshirani and S. Wager,
    "Generalized random forests", Annals of Statistics 47, 2019). What is chance in the holdout is
    the same in both means. Another forest learns how unexpected a loss of the window will be.

    Returns
    -------
    means
        The mean losses of the window, then those of the holdout: shape (2 terms,).
    spread
        Their covariance, with the chance of which rows there are on both sides.
    chance
        Variance of what the window's ground truth will give beside its expectation, less the chance
        of which rows the window has: its rows are known. Shape (terms, terms).
    """
    least = max(10, len(then) // 100)
    forest = RandomForestRegressor(
        _TREES, min_samples_leaf=least, max_features=1 / 3, oob_score=True, random_state=_SEED
    ).fit(then, _as_targets(losses))
    expected = forest.predict(now).reshape(len(now), -1).T
    fitted = np.asarray(forest.oob_prediction_).reshape(losses.shape[1], -1).T
    errors = losses - fitted
    noise = RandomForestRegressor(
        _TREES // 2, min_samples_leaf=least, max_features=1 / 3, random_state=_SEED
    ).fit(then, _as_targets(errors**2))
    deviation = np.sqrt(noise.predict(now).reshape(len(now), -1).mean(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):  # a term that does not vary
        alike = np.nan_to_num(np.atleast_2d(np.corrcoef(errors)))
    count, terms = losses.shape[1], len(losses)
    weighted = np.concatenate([errors * forest_weights(forest, then, now), errors / count])
    spread = weighted @ weighted.T * blocks[0]
    spread[terms:, terms:] += np.atleast_2d(np.cov(fitted)) / count * blocks[0]
    of_rows = np.atleast_2d(np.cov(expected)) / len(now) * blocks[1]
    spread[:terms, :terms] += of_rows
    of_truth = alike * np.outer(deviation, deviation) / len(now) * blocks[1]
    return np.concatenate([expected.mean(axis=1), losses.mean(axis=1)]), spread, of_truth - of_rows


def forest_weights(
    forest: RandomForestRegressor, then: NDArray[np.float32], now: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the weight of each row that a forest has learnt from in its mean over other rows.

    Parameters
    ----------
    forest
        Fitted on bootstrap samples of ``then``.
    then, now
        The m rows that it has learnt from, and the n rows of the mean.

    Returns
    -------
    weights
        Shape (m,). They sum to 1.
    """
    found = np.zeros(len(then))
    leaves = zip(forest.apply(then).T, forest.apply(now).T, strict=True)
    for (old, new), rows in zip(leaves, forest.estimators_samples_, strict=True):
        learnt = np.bincount(rows, minlength=len(then))
        size = int(max(old.max(), new.max())) + 1
        rows_of_leaf = np.bincount(old, learnt, minlength=size)
        share = np.bincount(new, minlength=size) / len(now) / np.maximum(rows_of_leaf, 1)
        found += learnt * share[old]
    return found / len(forest.estimators_samples_)


def _as_targets(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    return terms[0] if len(terms) == 1 else terms.T


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    values: NDArray[Any] = table[name].to_numpy(zero_copy_only=False)
    return values
