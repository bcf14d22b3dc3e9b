"""Where ground truth has come in: does the model still do what it did at promotion?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.drift.records import PerformanceTest

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.model_definition import ModelDefinition

RESAMPLES = 1_000
_CELLS = 4_000_000  # row numbers held at once while resampling: 32 MB
_SEED = 20130101


def compare_performance(
    definition: ModelDefinition, labelled: pa.Table, promoted_metric: float | None
) -> PerformanceTest:
    """Compare the metric on labelled rows with the metric on the holdout at promotion.

    The model has degraded when the whole bootstrap interval (level ``1 - alpha``, both sides) is
    worse than at promotion. The metric at promotion is taken as it is; its own uncertainty is not
    part of the interval.

    Parameters
    ----------
    definition
        Names the metric, alpha, and the fewest rows that allow a verdict (``drift.min_rows``).
    labelled
        Rows with ``model_output`` and ``label``.
    promoted_metric
        The metric at promotion, if it was recorded.
    """
    metric, rows = definition.metric, labelled.num_rows
    reason = None
    if promoted_metric is None:
        reason = "the metric at promotion is not known"
    elif rows < definition.drift.min_rows:
        reason = f"{rows} labelled rows in the window, {definition.drift.min_rows} needed"
    if reason is not None or promoted_metric is None:
        return PerformanceTest(
            metric=metric,
            drifted=False,
            value=None,
            interval_low=None,
            interval_high=None,
            threshold=promoted_metric,
            labelled_rows=rows,
            reason=reason,
        )
    truth = np.array(labelled["label"].to_pylist())
    predicted = np.array(labelled["model_output"].to_pylist())
    rng = np.random.default_rng(_SEED)
    resample = _resample_f1 if metric == "f1" else _resample_rmse
    value, draws = resample(truth, predicted, rng)
    tail = definition.drift.alpha / 2
    low, high = (float(bound) for bound in np.quantile(draws, [tail, 1 - tail]))
    return PerformanceTest(
        metric=metric,
        drifted=high < promoted_metric if metric == "f1" else low > promoted_metric,
        value=value,
        interval_low=low,
        interval_high=high,
        threshold=promoted_metric,
        labelled_rows=rows,
    )


def _resample_f1(
    truth: NDArray[np.str_], predicted: NDArray[np.str_], rng: np.random.Generator
) -> tuple[float, NDArray[np.float64]]:
    # F1 depends only on how often each (truth, prediction) pair occurs, and the counts of rows
    # drawn with replacement are multinomial: the same bootstrap, whatever the number of rows.
    pairs, counts = np.unique(np.stack([truth, predicted]), axis=1, return_counts=True)
    draws = rng.multinomial(truth.size, counts / truth.size, size=RESAMPLES)
    tables = np.vstack([counts, draws])
    classes = np.unique(pairs)
    # As scikit-learn: the last of two classes is the positive one; of more, the plain mean.
    scored = classes if classes.size > 2 else classes[-1:]
    scores = []
    for name in scored:
        hits = tables @ ((pairs[0] == name) & (pairs[1] == name))
        mentions = tables @ (pairs[0] == name) + tables @ (pairs[1] == name)
        scores.append(2 * hits / np.maximum(mentions, 1))
    mean = np.mean(scores, axis=0)
    return float(mean[0]), mean[1:]


def _resample_rmse(
    truth: NDArray[np.float64], predicted: NDArray[np.float64], rng: np.random.Generator
) -> tuple[float, NDArray[np.float64]]:
    squares = (truth - predicted) ** 2
    at_once = max(_CELLS // squares.size, 1)
    draws = [
        squares[rng.integers(squares.size, size=(count, squares.size))].mean(axis=1)
        for count in (min(at_once, RESAMPLES - done) for done in range(0, RESAMPLES, at_once))
    ]
    return float(np.sqrt(squares.mean())), np.sqrt(np.concatenate(draws))
