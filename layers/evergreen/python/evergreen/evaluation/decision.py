"""The decision of an evaluation: whether the challenger's numbers suffice, and the reason.

Two errors have a price: to promote a challenger that is no better, and to keep a champion that is
worse. While all is quiet there is nothing to win back, and the first error counts: the challenger
must be better with probability ``evaluation.confidence``. Where the world moves, the second one
counts: what serves learns the holdout too, so it is fresher than what is judged, and a champion
that is kept grows older until the next retraining. The burden of proof is the champion's then, and
the challenger is refused only if it is probably worse (``docs/promotion.md``).

The holdout is often small. Where the rolling origins of the challenger's data set say what newer
rows were worth until now, that evidence is pooled with the holdout's
(:mod:`evergreen.evaluation.pooling`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.evaluation.circumstances import Circumstances
from evergreen.evaluation.comparison import Comparison
from evergreen.evaluation.pooling import pooled_probability, standardized_improvement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evergreen.datasets.manifest import AgeEffect
    from evergreen.evaluation.comparison import SegmentResult
    from evergreen.evaluation.degradation import Degradation
    from evergreen.model_definition import ModelDefinition

MOST_REQUIRED_OF_MOVING = 0.5
"""Where the world moves, more than to be the better of the two is never asked for."""
_ERRORS_WHERE_MOVING = 4
"""Share of better challengers that may be refused there, in errors that ``confidence`` allows."""
_FALL_SHARE = 0.1
"""Level of the test whether the champion has got worse, as a share of the errors that
``confidence`` allows."""
SHOWN_SEGMENTS = 5
"""Segments that a comparison names itself; all of them are in the report."""


_QUIET = Circumstances()


def judge(  # noqa: PLR0913 - the numbers, and what is known of the champion
    definition: ModelDefinition,
    metric_champion: float,
    metric_challenger: float,
    improvements: NDArray[np.float64],
    *,
    rows: int,
    seen: tuple[int | None, int | None] = (None, None),
    segments: tuple[SegmentResult, ...] = (),
    fall: Degradation | None = None,
    circumstances: Circumstances = _QUIET,
    why_serving: str | None = None,
) -> Comparison:
    """Turn both metrics, the resampled improvements and the segments into a decision.

    Parameters
    ----------
    definition
        Names the metric, the improvement asked for and the confidence.
    metric_champion, metric_challenger
        The metric of each on all rows.
    improvements
        By how much the challenger is better in each resample; positive is better.
    rows
        How many rows both were scored on.
    seen
        How many of them champion and challenger were trained on, where that is known.
    segments
        What :func:`evergreen.evaluation.segments.judge_segments` found.
    fall
        By how much the champion has surely got worse since its promotion, if it has.
    circumstances
        What is known beside the rows.
    why_serving
        Why the champion's numbers are those of what serves, in words; None if they are those of
        its judged model.
    """
    rule = definition.evaluation
    aging = circumstances.aging
    alone = float(np.mean(improvements > rule.min_improvement))
    probability = (
        alone
        if aging is None
        else pooled_probability(
            standardized_improvement(improvements, rule.min_improvement), aging.standardized
        )
    )
    tail = (1 - rule.confidence) / 2
    low, high = np.quantile(improvements, [tail, 1 - tail])
    moves = fall is not None or circumstances.moved is not None or why_serving is not None
    required = probability_required(definition, moves=moves)
    better = probability >= required
    refusing = [segment for segment in segments if segment.refused]
    margin = f" by more than {rule.min_improvement:g}" if rule.min_improvement else ""
    reason = (
        f"{definition.metric} {metric_challenger:.4g} against {metric_champion:.4g} on {rows} "
        f"{_which_rows(*seen)}: better{margin} with probability {probability:.3f}"
        f"{_which_evidence(alone, aging)}, {'which reaches' if better else 'short of'} {required:g}"
    )
    if why_serving is not None:
        reason += f"; {why_serving}"
    if fall is not None:
        reason += (
            f"; the champion has surely got worse ({definition.metric} {fall.newer:.4g} against "
            f"{fall.older:.4g} at its promotion), so {required:g} is enough"
        )
    elif circumstances.moved is not None:
        reason += f"; {circumstances.moved}, so {required:g} is enough"
    if refusing:
        others = f" and {len(refusing) - 1} more" if len(refusing) > 1 else ""
        reason += (
            f"; worse than allowed in the protected segment "
            f"{refusing[0].explain(definition.metric)}{others}"
        )
    return Comparison(
        decision="promote" if better and not refusing else "reject",
        metric=definition.metric,
        metric_champion=metric_champion,
        metric_challenger=metric_challenger,
        probability_better=probability,
        probability_on_holdout=alone,
        aging=aging,
        probability_required=required,
        interval=(float(low), float(high)),
        rows=rows,
        reason=reason,
        seen_by_champion=seen[0],
        seen_by_challenger=seen[1],
        segments=segments[:SHOWN_SEGMENTS],
        segments_judged=sum(segment.probability_worse is not None for segment in segments),
    )


def probability_required(definition: ModelDefinition, *, moves: bool) -> float:
    """Return with which probability a challenger must be better, in a world that moves or not."""
    confidence = definition.evaluation.confidence
    if not moves:
        return confidence
    # Rounded, because the reason and the record say it: 0.2 and not 0.20000000000000018.
    return min(round(_ERRORS_WHERE_MOVING * (1 - confidence), 12), MOST_REQUIRED_OF_MOVING)


def fall_level(definition: ModelDefinition) -> float:
    """Return the level of the test whether the champion has got worse."""
    return _FALL_SHARE * (1 - definition.evaluation.confidence)


def _which_rows(champion: int | None, challenger: int | None) -> str:
    if champion is None and challenger is None:
        return "held-out rows"
    if champion == challenger == 0:
        return "rows that neither was trained on"
    said = [
        f"the {who} was trained on {'an unknown number' if count is None else count} of"
        for who, count in (("champion", champion), ("challenger", challenger))
        if count != 0
    ]
    return f"rows ({' and '.join(said)} them)"


def _which_evidence(alone: float, aging: AgeEffect | None) -> str:
    if aging is None:
        return ""
    worse = round(aging.share_worse * aging.origins)
    return (
        f" ({alone:.3f} on these rows alone; models without the newest {aging.rows} rows were "
        f"worse at {worse} of {aging.origins} earlier origins)"
    )
