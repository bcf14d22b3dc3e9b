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

from evergreen.drift.detectors.calibrated_answers import right_answers
from evergreen.drift.detectors.estimated_losses import estimate_losses
from evergreen.drift.model_outputs import CONFIDENCE, MODEL_OUTPUT
from evergreen.drift.records import PerformanceEstimate
from evergreen.evaluation.measure import measure_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.columns import Columns
    from evergreen.drift.detectors.estimated_losses import Estimated
    from evergreen.evaluation.measure import Measure
    from evergreen.model_definition import ModelDefinition

DRAWS = 499
"""Number of draws from which an interval is taken."""
_FEWEST_OF_A_CLASS = 20  # answers on the holdout that calibrate a class by itself
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
    reason = why_no_estimate(
        definition, window, holdout, holdout_features=holdout_features, min_rows=min_rows
    )
    if reason is not None or holdout is None:
        return PerformanceEstimate(metric=definition.metric, rows=rows, reason=reason)
    measure = measure_of(definition)
    rng = np.random.default_rng(_SEED)
    if measure.kind == "counts":
        value, estimated, promoted = _of_classes(definition, measure, window, holdout, rng)
    else:
        assert holdout_features is not None
        assert window_features is not None
        sides = (holdout_features, window_features)
        value, estimated, promoted = estimate_losses(
            definition, measure, window, holdout, sides, rng=rng, draws=DRAWS
        )
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
        alpha=alpha,
    )


def why_no_estimate(
    definition: ModelDefinition,
    window: pa.Table,
    holdout: pa.Table | None,
    *,
    holdout_features: Columns | None,
    min_rows: int,
) -> str | None:
    """Return why the metric cannot be estimated, or None if it can.

    Parameters
    ----------
    definition, window, holdout, holdout_features, min_rows
        As :func:`estimate_performance` takes them.
    """
    if definition.evaluation.own_metric is not None:  # its function is not even loaded
        return f"there is no estimate of {definition.metric}"
    measure = measure_of(definition)
    reason = _why_not(definition, measure, window, holdout, min_rows)
    if reason is None and measure.kind == "means" and not _has_rows(holdout_features, holdout):
        return "the data set does not have the holdout's features"
    return reason


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
) -> Estimated:
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


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    values: NDArray[Any] = table[name].to_numpy(zero_copy_only=False)
    return values
