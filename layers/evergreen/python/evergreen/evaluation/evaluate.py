"""Evaluation of challenger against champion: the same rows, and the bundles that would serve.

The deciding metric is computed from what the two bundles answer for the holdout of the challenger's
data set. The probability that the challenger is better comes from paired bootstrap draws
(:mod:`evergreen.evaluation.bootstrap`), and from what is known beside the holdout
(:mod:`evergreen.evaluation.circumstances`). It must also not be worse in a protected segment
(:mod:`evergreen.evaluation.segments`). :mod:`evergreen.evaluation.decision` turns these numbers
into the decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from evergreen.datasets.overlap import rows_in_common
from evergreen.evaluation.bootstrap import RESAMPLES
from evergreen.evaluation.champion import answers_of, improvements_over, why_serving_counts
from evergreen.evaluation.circumstances import Circumstances
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
    why_unscorable,
)
from evergreen.evaluation.segments import judge_segments

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.bundle.content import Bundle
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


def compare(  # noqa: PLR0913 - two models, what each has seen, and the draws
    definition: ModelDefinition,
    holdout: pa.Table,
    *,
    champion: Bundle | None,
    challenger: Bundle,
    serving: Bundle | None = None,
    training: pa.Table | None = None,
    champion_training: pa.Table | None = None,
    champion_holdout: pa.Table | None = None,
    circumstances: Circumstances | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Decide whether the challenger replaces the champion: :func:`evaluate` without the rest."""
    return evaluate(
        definition,
        holdout,
        champion=champion,
        challenger=challenger,
        serving=serving,
        training=training,
        champion_training=champion_training,
        champion_holdout=champion_holdout,
        circumstances=circumstances,
        seed=seed,
        resamples=resamples,
    ).comparison


def evaluate(  # noqa: PLR0913 - two models, what each has seen, and the draws
    definition: ModelDefinition,
    holdout: pa.Table,
    *,
    champion: Bundle | None,
    challenger: Bundle,
    serving: Bundle | None = None,
    training: pa.Table | None = None,
    champion_training: pa.Table | None = None,
    champion_holdout: pa.Table | None = None,
    circumstances: Circumstances | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> EvaluationResult:
    """Decide whether the challenger replaces the champion.

    It does if it is better by more than ``evaluation.min_improvement`` with a probability that
    reaches ``evaluation.confidence``, and no protected segment refuses it. If the champion has
    surely got worse since its promotion, or the world moves for another reason, less is enough
    (:mod:`evergreen.evaluation.decision`). Where
    nothing is in production, the challenger is promoted. A champion that cannot predict the
    holdout, because ``model.toml`` no longer has its features, stays until a person promotes the
    challenger: callers must send other rows then.

    Parameters
    ----------
    definition
        Names the metric, the improvement asked for, the confidence and the segments.
    holdout
        The labelled rows both are judged on: the holdout of the challenger's data set; a time
        series' as the data set orders them.
    champion
        The judged bundle of the version that serves now, or None. What serves has seen its own
        holdout, and the challenger's judged bundle has not: so both are compared without it.
    challenger
        The judged bundle of the version that may replace it.
    serving
        The bundle that serves now, where it is another one than ``champion``: the challenger meets
        it if it is surely worse on these rows (:mod:`evergreen.evaluation.champion`).
    training, champion_training
        The rows each was trained on, if known: they tell whether the holdout was among them, and
        the challenger's give a time series' MASE its scale.
    champion_holdout
        What the champion's judged bundle answered on its own holdout, with ``label`` and
        ``model_output``, if that was kept.
    circumstances
        What is known beside the rows; without it the holdout alone decides.
    seed
        Seed of the bootstrap.
    resamples
        Number of bootstrap draws.

    Raises
    ------
    NotEnoughDataError
        If the holdout is empty.
    BundleError
        If a bundle's predictions are not finite numbers where numbers are asked for.
    """
    ground_truth = ground_truth_of(definition, holdout)
    unscorable = None if champion is None else why_unscorable(definition, champion)
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
        circumstances=circumstances or Circumstances(),
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


def scores_of(
    definition: ModelDefinition,
    bundle: Bundle,
    table: pa.Table,
    *,
    training: pa.Table | None = None,
) -> dict[str, float]:
    """Return the deciding metric of one bundle on labelled rows, and the other metrics, by name.

    Raises
    ------
    NotEnoughDataError
        If there is no row.
    BundleError
        If the bundle's predictions are not finite numbers where numbers are asked for.
    """
    ground_truth = ground_truth_of(definition, table)
    alone = score_predictions(
        definition, bundle, table, ground_truth, classes_of(ground_truth, bundle), training
    )
    return {**alone.beside, definition.metric: alone.metric}


def _uncompared(champion: Bundle | None, why: str | None) -> str:
    if champion is None:
        return "nothing was in production to compare with"
    return (
        f"version {champion.version} cannot be compared with on these rows: {why}. Callers must "
        "send other rows after a promotion, so only a person promotes"
    )
