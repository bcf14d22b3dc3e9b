"""Performance without labels: the metric that a window's ground truth would probably give.

Ground truth often comes late. Until then the metric can be estimated from what the model did on its
holdout, under one assumption: rows that look alike, and are answered alike, are right as often as
there. Drift of the inputs is therefore seen, and a new relation between inputs and ground truth is
not. So an estimate is marked as one, and no test of the labels is replaced by it.

- **Classes**: from the confidence of each answer, calibrated on the holdout, follows how many
  answers of each class are right, and by the errors on the holdout which classes the others are
  (confidence-based performance estimation: NannyML's documentation, "How CBPE works";
  C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, for why it is calibrated).
- **Probabilities** of classes: calibrated on the holdout too, they say how probable each ground
  truth of a row is, and so what the metric would be.
- **Numbers**: a model of the loss learns on the holdout how large the error of a row is, from its
  features and the answer (direct loss estimation: NannyML's documentation, "How DLE works").

The interval has both uncertainties: that of what was learnt on the holdout, and that of the ground
truth of the window's rows. Whether the metric is *worse* is asked of rows like those of the window,
so chance in their ground truth takes no part, and chance in which rows there are does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.datasets.holdout_predictions import is_of_another_fit, sharpness_of
from evergreen.drift.detectors.estimated_counts import estimate_counts
from evergreen.drift.detectors.estimated_losses import estimate_losses
from evergreen.drift.detectors.estimated_probabilities import (
    estimate_probabilities,
    probability_classes,
    score_of_holdout,
    with_probabilities,
)
from evergreen.drift.model_outputs import CONFIDENCE, MODEL_OUTPUT
from evergreen.drift.records import PerformanceEstimate
from evergreen.errors import EvergreenError
from evergreen.evaluation.measure import measure_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.columns import Columns
    from evergreen.evaluation.measure import Measure
    from evergreen.model_definition import ModelDefinition

DRAWS = 499
"""Number of draws from which an interval is taken."""
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
        The n answers of the window: ``model_output`` and ``confidence``, and ``probabilities`` for
        a metric of those of more than two classes.
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
    window, holdout = _scorable(definition, measure, window, holdout)
    sharpness = sharpness_of(holdout)
    rng = np.random.default_rng(_SEED)
    if measure.takes_probabilities:
        found = estimate_probabilities(definition, measure, window, holdout, rng=rng, draws=DRAWS)
    elif measure.kind == "counts":
        found = estimate_counts(definition, measure, window, holdout, rng=rng, draws=DRAWS)
    else:
        assert holdout_features is not None
        assert window_features is not None
        sides = (holdout_features, window_features)
        found = estimate_losses(definition, measure, window, holdout, sides, rng=rng, draws=DRAWS)
    promoted = found.promoted
    if definition.task == "classification" and is_of_another_fit(holdout) and sharpness is None:
        # Nothing says how much surer the fit is that serves. So what is chance in the holdout is
        # not counted as the same on both sides.
        promoted = rng.permutation(promoted)
    low, high = (float(end) for end in np.quantile(found.drawn, [0.025, 0.975]))
    gains = found.expected - promoted
    if not measure.more_is_better:
        gains = -gains
    return PerformanceEstimate(
        metric=definition.metric,
        worse=bool((1 + (~(gains < 0)).sum()) / (1 + DRAWS) <= alpha),
        value=found.value,
        interval_low=low,
        interval_high=high,
        threshold=_on_holdout(definition, measure, window, holdout),
        rows=window.num_rows,
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
    if holdout is None:
        return "what this version answers on its holdout was not kept when it was trained"
    measure = measure_of(definition)
    try:
        window, holdout = _scorable(definition, measure, window, holdout)
    except EvergreenError as error:  # too many classes
        return str(error)
    if (reason := _too_little(definition, measure, window, holdout, min_rows)) is not None:
        return reason
    if definition.task == "classification":
        return None
    return _why_no_losses(measure, holdout, holdout_features)


def _too_little(
    definition: ModelDefinition,
    measure: Measure,
    window: pa.Table,
    holdout: pa.Table,
    min_rows: int,
) -> str | None:
    more = " with the probabilities of all classes" if measure.takes_probabilities else ""
    for name, side in (("the window", window), ("the holdout", holdout)):
        if side.num_rows < min_rows:
            return f"{side.num_rows} rows{more} in {name}, {min_rows} needed"
        if definition.task == "classification" and side[CONFIDENCE].null_count:
            return "the model gives no confidence"
    return None


def _why_no_losses(measure: Measure, holdout: pa.Table, features: Columns | None) -> str | None:
    with np.errstate(over="ignore"):
        losses = measure.terms(*(_column(holdout, name) for name in (_LABEL, MODEL_OUTPUT)))
    if not np.isfinite(losses).all():
        return "an error on the holdout is not finite"
    if not _has_rows(features, holdout):
        return "the data set does not have the holdout's features"
    return None


def _scorable(
    definition: ModelDefinition, measure: Measure, window: pa.Table, holdout: pa.Table
) -> tuple[pa.Table, pa.Table]:
    """Return the rows that the metric can score.

    Rows that were logged, and holdouts that were kept, before the metric scored probabilities do
    not have those of more than two classes.
    """
    if not measure.takes_probabilities:
        return window, holdout
    if not measure.has_columns(probability_classes(definition, window, holdout)):
        return window, holdout
    return with_probabilities(window), with_probabilities(holdout)


def _has_rows(features: Columns | None, rows: pa.Table) -> bool:
    """Return whether features are those of as many rows."""
    return features is not None and all(
        values.size == rows.num_rows for values in features.values()
    )


def _on_holdout(
    definition: ModelDefinition, measure: Measure, window: pa.Table, holdout: pa.Table
) -> float:
    if measure.takes_probabilities:
        return score_of_holdout(definition, measure, window, holdout)
    truth, outputs = _column(holdout, _LABEL), _column(holdout, MODEL_OUTPUT)
    classes = sorted({*truth, *outputs}) if definition.task == "classification" else ()
    return measure.score(truth, outputs, classes)


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    values: NDArray[Any] = table[name].to_numpy(zero_copy_only=False)
    return values
