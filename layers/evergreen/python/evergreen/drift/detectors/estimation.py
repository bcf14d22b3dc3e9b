"""Performance without labels: the metric that a window's ground truth would probably give.

Ground truth often comes late. Until then the metric can be estimated from what the model did on its
holdout, under one assumption: rows that look alike, and are answered alike, are right as often as
there. Drift of the inputs is therefore seen, and a new relation between inputs and ground truth is
not. So an estimate is marked as one, and no test of the labels is replaced by it.

- **Classes**: from the confidence of each answer, calibrated on the holdout, follows how many
  answers of each class are right, and by the errors on the holdout which classes the others are
  (confidence-based performance estimation: NannyML's documentation, "How CBPE works";
  C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, for why it is calibrated).
- **Numbers**: a model of the loss learns on the holdout how large the error of a row is, from its
  features and the answer (direct loss estimation: NannyML's documentation, "How DLE works").

The interval has both uncertainties: that of what was learnt on the holdout, and that of the ground
truth of the window's rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from evergreen.datasets.steps import rows_per_step
from evergreen.drift.detectors.calibrated_answers import right_answers
from evergreen.drift.detectors.pooled_rows import pooled_rows
from evergreen.drift.model_outputs import CONFIDENCE, MODEL_OUTPUT
from evergreen.drift.records import PerformanceEstimate
from evergreen.evaluation.measure import measure_of
from evergreen.evaluation.metrics import block_length, rows_alike
from evergreen.model_definition import Feature

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.columns import Columns
    from evergreen.evaluation.measure import Measure
    from evergreen.model_definition import ModelDefinition

    type _Estimate = tuple[float, NDArray[np.float64], NDArray[np.float64]]
    """The estimate, draws of what labels would give, and draws of the metric on the holdout."""

DRAWS = 499
"""Number of draws from which an interval is taken."""
_FEWEST_OF_A_CLASS = 20  # answers on the holdout that calibrate a class by itself
_TREES = 50
_MOST_ROWS = 2000  # of the holdout that the model of the loss learns from
_SEED = 20130101
_LABEL = "label"


def estimate_performance(
    definition: ModelDefinition,
    window: pa.Table,
    holdout: pa.Table | None,
    *,
    holdout_features: Columns | None = None,
    window_features: Columns | None = None,
    alpha: float,
    min_rows: int,
) -> PerformanceEstimate:
    """Estimate the metric of the window's answers as if their ground truth were known.

    Parameters
    ----------
    definition
        Names the metric, and for numbers the features.
    window
        The n answers of the window: ``model_output`` and ``confidence``.
    holdout
        The m answers of the version in production on its holdout, with ``label``; None if they were
        not kept.
    holdout_features, window_features
        The features of the same rows, shapes (m,) and (n,); needed for numbers.
    alpha
        Probability of calling the metric worse than at promotion by chance.
    min_rows
        The smallest number of rows on each side for an estimate.
    """
    rows = window.num_rows
    if definition.evaluation.own_metric is not None:  # its function is not even loaded
        return PerformanceEstimate(
            metric=definition.metric,
            rows=rows,
            reason=f"there is no estimate of {definition.metric}",
        )
    measure = measure_of(definition)
    reason = _why_not(definition, measure, window, holdout, min_rows)
    if reason is None and measure.kind == "means" and not _has_rows(holdout_features, holdout):
        reason = "the data set does not have the holdout's features"
    if reason is not None or holdout is None:
        return PerformanceEstimate(metric=definition.metric, rows=rows, reason=reason)
    rng = np.random.default_rng(_SEED)
    if measure.kind == "counts":
        value, estimated, promoted = _of_classes(definition, measure, window, holdout, rng)
    else:
        assert holdout_features is not None
        assert window_features is not None
        sides = (holdout_features, window_features)
        value, estimated, promoted = _of_numbers(definition, measure, window, holdout, sides, rng)
    low, high = (float(end) for end in np.quantile(estimated, [0.025, 0.975]))
    gains = estimated - promoted if measure.more_is_better else promoted - estimated
    return PerformanceEstimate(
        metric=definition.metric,
        worse=bool((1 + (gains >= 0).sum()) / (1 + DRAWS) <= alpha),
        value=value,
        interval_low=low,
        interval_high=high,
        threshold=_on_holdout(definition, measure, holdout),
        rows=rows,
        holdout_rows=holdout.num_rows,
    )


def _why_not(
    definition: ModelDefinition,
    measure: Measure,
    window: pa.Table,
    holdout: pa.Table | None,
    min_rows: int,
) -> str | None:
    if holdout is None:
        return "what this version answers on its holdout was not kept when it was trained"
    classes = definition.task == "classification"
    if measure.kind != ("counts" if classes else "means"):
        return f"there is no estimate of {definition.metric}"
    sides = (("the window", window), ("the holdout", holdout))
    for name, side in sides:
        if side.num_rows < min_rows:
            return f"{side.num_rows} rows in {name}, {min_rows} needed"
        if classes and side[CONFIDENCE].null_count:
            return "the model gives no confidence"
    if not classes:
        with np.errstate(over="ignore"):
            losses = measure.terms(*(_column(holdout, name) for name in (_LABEL, MODEL_OUTPUT)))
        if not np.isfinite(losses).all():
            return "an error on the holdout is not finite"
    return None


def _has_rows(features: Columns | None, rows: pa.Table | None) -> bool:
    """Return whether features are those of as many rows."""
    if features is None or rows is None:
        return False
    return all(values.size == rows.num_rows for values in features.values())


def _on_holdout(definition: ModelDefinition, measure: Measure, holdout: pa.Table) -> float:
    truth, outputs = _column(holdout, _LABEL), _column(holdout, MODEL_OUTPUT)
    classes = sorted({*truth, *outputs}) if definition.task == "classification" else ()
    return measure.score(truth, outputs, classes)


def _of_classes(
    definition: ModelDefinition,
    measure: Measure,
    window: pa.Table,
    holdout: pa.Table,
    rng: np.random.Generator,
) -> _Estimate:
    truth, said = _column(holdout, _LABEL), _column(holdout, MODEL_OUTPUT)
    answers = _column(window, MODEL_OUTPUT)
    known = definition.ground_truth.classes or ()
    classes = sorted({*known, *truth, *said, *answers})
    true_of = np.searchsorted(classes, truth)
    sure_then, sure_now = (_column(side, CONFIDENCE) for side in (holdout, window))
    count = len(classes)
    # Shape (draws + 1, answer, ground truth); the first is the estimate itself.
    tables = np.zeros((DRAWS + 1, count, count))
    for place, name in enumerate(classes):
        now, then = sure_now[answers == name], said == name
        if not now.size:
            continue
        if then.sum() < _FEWEST_OF_A_CLASS:
            then = np.ones(truth.size, dtype=bool)  # calibrated by all answers
        right = truth[then] == said[then]
        missed = np.bincount(true_of[then][~right], minlength=count).astype(float)
        hits = right_answers(sure_then[then], right, now, rng, DRAWS)
        # An error that the holdout does not have is possible: each class counts as one part of one.
        missed += 1 / max(count - 1, 1)
        missed[place] = 0
        tables[:, place, place] = hits
        if count > 1:
            share = missed / missed.sum()
            tables[0, place] += (now.size - hits[0]) * share
            wrong = (now.size - hits[1:]).astype(np.int64)
            tables[1:, place] += rng.multinomial(wrong, share)
    predicted, true = (np.array(classes)[side.ravel()] for side in np.indices((count, count)))
    found = measure.of_counts(true, predicted, tables.reshape(DRAWS + 1, -1), classes)
    before = np.zeros((count, count))
    np.add.at(before, (np.searchsorted(classes, said), true_of), 1)
    again = rng.multinomial(truth.size, before.ravel() / truth.size, size=DRAWS)
    return float(found[0]), found[1:], measure.of_counts(true, predicted, again, classes)


def _of_numbers(
    definition: ModelDefinition,
    measure: Measure,
    window: pa.Table,
    holdout: pa.Table,
    sides: tuple[Columns, Columns],
    rng: np.random.Generator,
) -> _Estimate:
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
    means, spread = _window_losses(then, now, losses, blocks)
    by_chance = np.atleast_2d(np.cov(losses)) * blocks[0] / len(then)
    return (
        float(measure.of_means(means)),
        _drawn(measure, means, spread, losses, rng),
        _drawn(measure, losses.mean(axis=1), by_chance, losses, rng),
    )


def _window_losses(
    then: NDArray[np.float32],
    now: NDArray[np.float32],
    losses: NDArray[np.float64],
    blocks: Sequence[float],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each loss in the window, shape (terms,), and their covariance.

    Each tree of the forest has learnt on a sample of the holdout's rows of its own. So the trees
    differ as much as the holdout could have been another one. The second forest learns how much a
    row's loss differs from the expected one, which rows outside a tree's sample tell.
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
    learnt = np.atleast_2d(np.cov(by_tree.T))
    return by_tree.mean(axis=0), learnt * blocks[0] + together * blocks[1] / len(now)


def _as_targets(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    return terms[0] if len(terms) == 1 else terms.T


def _drawn(
    measure: Measure,
    means: NDArray[np.float64],
    spread: NDArray[np.float64],
    losses: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    drawn = rng.multivariate_normal(means, spread, size=DRAWS, check_valid="ignore")
    least = losses.min(axis=1, keepdims=True)  # no mean is below the least loss
    return np.asarray(measure.of_means(np.maximum(drawn.T, least)), dtype=np.float64)


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    values: NDArray[Any] = table[name].to_numpy(zero_copy_only=False)
    return values
