"""Protected segments: parts of the traffic on which a better model must not be a worse one.

A better average can hide that the predictions for one airline got worse. Each feature of
``evaluation.segments`` cuts the holdout into segments: one for each value, or for a number with
many values one for each quarter of the rows, and one for missing values. In each segment, champion
and challenger are compared on the same rows.

Worse by more than ``evaluation.max_segment_regression`` means: a metric such as F1, of which more
is better, is lower by more than that; one such as RMSE is higher by more than that share of the
champion's. The two rules differ because F1 has no unit, and a share of a small F1 would be a tiny
difference. RMSE has the unit of the target, so a fixed number would be too strict for one model and
too loose for another.

Scores of small segments vary a lot. A challenger is refused only on strong evidence. The paired
bootstrap (:mod:`evergreen.evaluation.bootstrap`) gives the mean and the spread of the difference.
The probability of being worse by more than allowed comes from the normal distribution with that
mean and spread. It has to reach ``1 - (1 - evaluation.confidence) / k`` where k segments are judged
(Bonferroni: R. Miller, *Simultaneous
Statistical Inference*, 2nd edition, 1981, chapter 1.4). The normal tail is used because counting
resamples cannot tell probabilities that close to 1 apart. Segments under
``evaluation.min_segment_rows`` rows are shown, not judged.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from evergreen.columns import MISSING_CATEGORY
from evergreen.datasets.schema import to_columns
from evergreen.datasets.steps import rows_per_step
from evergreen.evaluation.bootstrap import RESAMPLES, resample
from evergreen.evaluation.comparison import SegmentResult
from evergreen.evaluation.measure import measure_of
from evergreen.evaluation.metrics import block_length

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.model_definition import Feature, ModelDefinition

MAX_SEGMENTS = 200
"""The largest number of segments of one feature. Rarer segments are left out."""
_PARTS = 4
_FEW_VALUES = 12
_MAX_NAME = 60
MISSING_SEGMENT = "(missing)"
_BOOLEANS = {"0": "false", "1": "true"}


def judge_segments(
    definition: ModelDefinition,
    holdout: pa.Table,
    ground_truth: NDArray[Any],
    champion: NDArray[Any],
    challenger: NDArray[Any],
    classes: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[SegmentResult, ...]:
    """Compare both models in every segment: those that refuse first, then the most doubtful.

    Parameters
    ----------
    definition
        Names the segments, the metric and the rule.
    holdout
        n rows with their features, a time series' in time order.
    ground_truth, champion, challenger
        n values each, as :meth:`Measure.truth` and :meth:`Measure.answers` give them.
    classes
        All classes; empty for numbers.
    seed
        Seed of the bootstrap.
    resamples
        Draws of the bootstrap in each segment.
    """
    rule = definition.evaluation
    results = []
    for feature, name, inside in segments(definition, holdout):
        sides = (ground_truth[inside], champion[inside], challenger[inside])
        probability = None
        if inside.size >= rule.min_segment_rows:
            per_step = rows_per_step(definition, holdout.take(inside))
            probability = _probability_worse(
                definition, *sides, classes, per_step=per_step, seed=seed, resamples=resamples
            )
        results.append(
            SegmentResult(
                feature=feature,
                segment=name,
                rows=inside.size,
                champion=_score(definition, sides[0], sides[1], classes),
                challenger=_score(definition, sides[0], sides[2], classes),
                probability_worse=probability,
            )
        )
    judged = sum(result.probability_worse is not None for result in results)
    needed = 1 - (1 - rule.confidence) / max(judged, 1)
    results = [
        result.model_copy(update={"refused": (result.probability_worse or 0.0) >= needed})
        for result in results
    ]
    return tuple(
        sorted(results, key=lambda result: (-(result.probability_worse or -1.0), -result.rows))
    )


def segments(
    definition: ModelDefinition, holdout: pa.Table
) -> Iterator[tuple[str, str, NDArray[np.intp]]]:
    """Yield feature, name and row numbers of each segment that has rows."""
    columns = to_columns(definition, holdout)
    for feature in definition.evaluation.segments:
        for name, rows in cut_into_segments(definition.features[feature], columns[feature]):
            yield feature, name, rows


def cut_into_segments(
    feature: Feature, values: NDArray[Any]
) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Yield name and row numbers of each segment of one feature that has rows.

    Parameters
    ----------
    feature
        The feature's definition.
    values
        Its values as the model sees them: float32 with NaN, or str with "".
    """
    for name, rows in _cut(values, numeric=feature.is_numeric):
        said = _BOOLEANS.get(name, name) if feature.type == "boolean" else name
        yield said[:_MAX_NAME], rows


def _cut(values: NDArray[Any], *, numeric: bool) -> Iterator[tuple[str, NDArray[np.intp]]]:
    if not numeric:
        names, places, counts = np.unique(
            values.astype(str), return_inverse=True, return_counts=True
        )
        for place in np.argsort(-counts, kind="stable")[:MAX_SEGMENTS]:
            name = str(names[place])
            yield (
                (MISSING_SEGMENT if name == MISSING_CATEGORY else name),
                np.flatnonzero(places == place),
            )
        return
    missing = np.isnan(values)
    present = values[~missing]
    known = np.unique(present)
    if known.size <= _FEW_VALUES:
        for value in known:
            yield f"{value:g}", np.flatnonzero(values == value)
    else:
        edges = np.unique(np.quantile(present, np.linspace(0, 1, _PARTS + 1), method="lower"))
        parts = np.searchsorted(edges[1:-1], values, side="right")
        for part, (low, high) in enumerate(pairwise(edges)):
            end = "]" if part == edges.size - 2 else ")"
            yield f"[{low:g}, {high:g}{end}", np.flatnonzero((parts == part) & ~missing)
    if missing.any():
        yield MISSING_SEGMENT, np.flatnonzero(missing)


def _score(
    definition: ModelDefinition,
    ground_truth: NDArray[Any],
    predicted: NDArray[Any],
    classes: Sequence[str],
) -> float:
    return measure_of(definition).score(ground_truth, predicted, classes)


def _probability_worse(
    definition: ModelDefinition,
    ground_truth: NDArray[Any],
    champion: NDArray[Any],
    challenger: NDArray[Any],
    classes: Sequence[str],
    *,
    per_step: int,
    seed: int,
    resamples: int,
) -> float:
    allowed = definition.evaluation.max_segment_regression
    measure = measure_of(definition)
    old, new = resample(
        measure,
        ground_truth,
        champion,
        challenger,
        classes,
        block=block_length(definition, len(ground_truth), per_step),
        seed=seed,
        resamples=resamples,
    )
    worse = old - new - allowed if measure.more_is_better else new - old * (1 + allowed)
    mean, spread = float(worse.mean()), float(worse.std())
    if math.isclose(spread, 0.0, abs_tol=1e-15):
        return float(mean > 0)
    return math.erfc(-mean / spread / math.sqrt(2)) / 2  # the normal distribution's
