"""Champion and challenger on the same rows: what both answer, and the decision.

Segments, the champion's fall since its promotion, the rolling origins of a time series and what
serves now are all taken from these rows (:mod:`evergreen.evaluation.evaluate` says from which).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from evergreen.datasets.overlap import rows_in_common
from evergreen.evaluation.champion import answers_of, improvements_over, why_serving_counts
from evergreen.evaluation.comparison import Comparison, SegmentResult
from evergreen.evaluation.decision import fall_level, judge
from evergreen.evaluation.degradation import has_surely_fallen
from evergreen.evaluation.measure import measure_of
from evergreen.evaluation.rolling_origin import RollingOriginWindow, evaluate_rolling_origin
from evergreen.evaluation.scoring import (
    ScoredPredictions,
    classes_of,
    ground_truth_of,
    score_predictions,
    why_other_classes,
    why_unscorable,
)
from evergreen.evaluation.segments import judge_segments

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.bundle.content import Bundle
    from evergreen.evaluation.circumstances import Circumstances
    from evergreen.model_definition import ModelDefinition


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationResult:
    """An evaluation: the comparison, and row by row what it was computed from."""

    definition: ModelDefinition
    comparison: Comparison
    holdout: pa.Table
    ground_truth: NDArray[Any]
    champion: ScoredPredictions | None
    challenger: ScoredPredictions
    improvements: NDArray[np.float64] | None
    """By how much the challenger is better in each resample; positive is better."""
    segments: tuple[SegmentResult, ...]
    origins: tuple[RollingOriginWindow, ...]
    """The rolling origins of a time series; see :mod:`evergreen.evaluation.rolling_origin`."""


def side_by_side(  # noqa: PLR0913 - what `evaluate` is told
    definition: ModelDefinition,
    holdout: pa.Table,
    *,
    champion: Bundle | None,
    challenger: Bundle,
    serving: Bundle | None,
    training: pa.Table | None,
    champion_training: pa.Table | None,
    champion_holdout: pa.Table | None,
    circumstances: Circumstances,
    seed: int,
    resamples: int,
) -> EvaluationResult:
    """Compare two models on rows that both have an answer to.

    The parameters are those of :func:`evergreen.evaluation.evaluate.evaluate`.

    Raises
    ------
    NotEnoughDataError
        If there is no row.
    PredictionError
        If a model has no answer to a row.
    """
    ground_truth = ground_truth_of(definition, holdout)
    unscorable = None
    if champion is not None:
        unscorable = why_unscorable(definition, champion) or why_other_classes(
            champion, ground_truth
        )
    compared = None if unscorable else champion
    # A refit has learnt the champion's holdout too, so it may know a class that is rare.
    classes = classes_of(ground_truth, challenger, compared, serving if compared else None)
    new = score_predictions(definition, challenger, holdout, ground_truth, classes, training)
    seen_by_challenger = rows_in_common(definition, holdout, training)
    if compared is None:
        comparison = Comparison(
            decision="reject" if champion else "promote",
            metric=definition.metric,
            metric_champion=None,
            metric_challenger=new.metric,
            probability_better=None,
            interval=None,
            rows=holdout.num_rows,
            reason=_uncompared(champion, unscorable),
            champion=champion.version if champion else None,
            beside_challenger=new.beside,
            seen_by_challenger=seen_by_challenger,
        )
        origins = evaluate_rolling_origin(
            definition, holdout, ground_truth, champion=None, challenger=new.outputs
        )
        return EvaluationResult(
            definition, comparison, holdout, ground_truth, None, new, None, (), origins
        )
    old = score_predictions(definition, compared, holdout, ground_truth, classes, training)
    draw = partial(
        improvements_over,
        definition,
        holdout,
        ground_truth,
        classes=classes,
        seed=seed,
        resamples=resamples,
    )
    why_serving = None
    if serving is not None and serving != compared:
        served = score_predictions(definition, serving, holdout, ground_truth, classes, training)
        why_serving = why_serving_counts(definition, served, old, draw((served, old)))
        old = served if why_serving else old
    improvements = draw((old, new))
    segments = judge_segments(
        definition,
        holdout,
        measure_of(definition).truth(ground_truth, classes),
        old.measured,
        new.measured,
        classes,
        seed=seed,
        resamples=resamples,
    )
    judged = judge(
        definition,
        old.metric,
        new.metric,
        improvements,
        rows=holdout.num_rows,
        seen=(rows_in_common(definition, holdout, champion_training), seen_by_challenger),
        segments=segments,
        fall=has_surely_fallen(
            definition,
            answers_of(definition, holdout, ground_truth, old),
            champion_holdout,
            alpha=fall_level(definition),
        ),
        circumstances=circumstances,
        why_serving=why_serving,
    )
    beside = {"beside_champion": old.beside, "beside_challenger": new.beside}
    return EvaluationResult(
        definition,
        judged.model_copy(update={**beside, "champion": compared.version}),
        holdout,
        ground_truth,
        old,
        new,
        improvements,
        segments,
        evaluate_rolling_origin(
            definition, holdout, ground_truth, champion=old.outputs, challenger=new.outputs
        ),
    )


def _uncompared(champion: Bundle | None, why: str | None) -> str:
    if champion is None:
        return "nothing was in production to compare with"
    return (
        f"version {champion.version} cannot be compared with on these rows: {why}. Callers must "
        "send or expect something else after a promotion, so only a person promotes"
    )
