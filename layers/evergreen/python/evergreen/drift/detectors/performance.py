"""Performance degradation: the metric in a window against the holdout at promotion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.drift.records import PerformanceTest
from evergreen.errors import EvergreenError
from evergreen.evaluation.degradation import measure_degradation, scorable_rows
from evergreen.evaluation.measure import measure_of

if TYPE_CHECKING:
    import pyarrow as pa

    from evergreen.model_definition import ModelDefinition

_PROBABILITIES = "the probabilities of all classes, which the metric needs"


def why_untestable(
    definition: ModelDefinition,
    labelled: pa.Table,
    holdout: pa.Table | None,
    *,
    min_rows: int,
) -> str | None:
    """Return why performance cannot be tested, or None if it can.

    Parameters
    ----------
    definition, labelled, holdout, min_rows
        As :func:`compare_performance` takes them.
    """
    if holdout is None:
        return "what this version answers on its holdout was not kept when it was trained"
    if not holdout.num_rows:
        return "no rows were held out when this version was trained"
    scored, held = scorable_rows(definition, labelled, holdout)
    if not held.num_rows:
        return f"what this version answers on its holdout was kept without {_PROBABILITIES}"
    if scored.num_rows < min_rows:
        found = f"{scored.num_rows} labelled rows in the window, {min_rows} needed"
        more = labelled.num_rows - scored.num_rows
        return f"{found}; {more} more were logged without {_PROBABILITIES}" if more else found
    return None


def compare_performance(
    definition: ModelDefinition,
    labelled: pa.Table,
    holdout: pa.Table | None,
    *,
    alpha: float,
    min_rows: int,
) -> PerformanceTest:
    """Compare the metric on labelled rows of the window with the metric on the holdout.

    The model has degraded if its metric is worse than on its holdout by more than chance explains
    (:mod:`evergreen.evaluation.degradation`). A metric that cannot be computed, such as a function
    of the user's that fails, is the test's ``reason`` and stops nothing else. Rows without the
    probabilities that a metric of many classes needs are left out and counted.

    Parameters
    ----------
    definition
        Names the metric.
    labelled
        Rows of the window with ``model_output`` and ``label``, in time order.
    holdout
        The same columns for the version in production on its holdout, if they were kept.
    alpha
        Probability of a false alarm.
    min_rows
        The smallest number of labelled rows for a verdict.
    """
    reason = why_untestable(definition, labelled, holdout, min_rows=min_rows)
    all_rows = labelled.num_rows
    if holdout is not None:
        labelled, holdout = scorable_rows(definition, labelled, holdout)
    rows = 0 if holdout is None else holdout.num_rows
    unscored = all_rows - labelled.num_rows
    found = None
    if reason is None and holdout is not None:
        try:
            found = measure_degradation(definition, labelled, holdout)
        except EvergreenError as error:
            reason = str(error)  # the tests of the inputs go on
    if found is None:
        return PerformanceTest(
            metric=definition.metric,
            drifted=False,
            value=None,
            interval_low=None,
            interval_high=None,
            threshold=None,
            labelled_rows=labelled.num_rows,
            unscored_rows=unscored,
            holdout_rows=rows,
            alpha=alpha,
            reason=reason,
        )
    least, most = (float(bound) for bound in np.quantile(found.by_chance, [alpha, 1 - alpha]))
    lowest, highest = measure_of(definition).limits
    return PerformanceTest(
        metric=definition.metric,
        drifted=found.p_value <= alpha,
        value=found.newer,
        interval_low=max(found.newer - most, lowest),
        interval_high=min(found.newer - least, highest),
        threshold=found.older,
        labelled_rows=labelled.num_rows,
        unscored_rows=unscored,
        holdout_rows=rows,
        p_value=found.p_value,
        alpha=alpha,
        rising=definition.more_is_better,
    )
