"""The decision of an evaluation: whether the challenger's numbers suffice, and the reason.

Two errors have a price: to promote a challenger that is no better, and to keep a champion that is
worse. While the champion does as well as at its promotion, there is nothing to win back, and the
first error counts: the challenger must be better with probability ``evaluation.confidence``. When
the champion has surely got worse, both errors cost the same, so the better one is taken: one half
is enough. A champion that has just won its own comparison is evidence too: newer rows made a better
model the last time. So four times as many errors are allowed. Both other ways must open so seldom
that a challenger that is equally good is hardly ever promoted more often than ``1 - confidence``
(``docs/promotion.md``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.evaluation.comparison import Comparison

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evergreen.evaluation.comparison import SegmentResult
    from evergreen.evaluation.degradation import Degradation
    from evergreen.model_definition import ModelDefinition

AFTER_FALL = 0.5
"""Probability that is enough when the champion has surely got worse."""
_ERRORS_AFTER_WIN = 4
"""Share of false promotions after a won comparison, in shares that ``confidence`` allows."""
_FALL_SHARE = 0.1
"""Level of that test, as a share of the errors that ``confidence`` allows."""
SHOWN_SEGMENTS = 5
"""Segments that a comparison names itself; all of them are in the report."""


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
    has_just_won: bool = False,
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
    has_just_won
        Whether the champion won the newest comparison.
    """
    rule = definition.evaluation
    probability = float(np.mean(improvements > rule.min_improvement))
    tail = (1 - rule.confidence) / 2
    low, high = np.quantile(improvements, [tail, 1 - tail])
    required = probability_required(definition, fallen=fall is not None, has_just_won=has_just_won)
    better = probability >= required
    refusing = [segment for segment in segments if segment.refused]
    margin = f" by more than {rule.min_improvement:g}" if rule.min_improvement else ""
    reason = (
        f"{definition.metric} {metric_challenger:.4g} against {metric_champion:.4g} on {rows} "
        f"{_which_rows(*seen)}: better{margin} with probability {probability:.3f}, "
        f"{'which reaches' if better else 'short of'} {required:g}"
    )
    if fall is not None:
        reason += (
            f"; the champion has surely got worse ({definition.metric} {fall.newer:.4g} against "
            f"{fall.older:.4g} at its promotion), so {required:g} is enough"
        )
    elif has_just_won:
        reason += f"; the champion has just won its own comparison, so {required:g} is enough"
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
        probability_required=required,
        interval=(float(low), float(high)),
        rows=rows,
        reason=reason,
        seen_by_champion=seen[0],
        seen_by_challenger=seen[1],
        segments=segments[:SHOWN_SEGMENTS],
        segments_judged=sum(segment.probability_worse is not None for segment in segments),
    )


def probability_required(definition: ModelDefinition, *, fallen: bool, has_just_won: bool) -> float:
    """Return with which probability a challenger must be better: the first row that holds."""
    allowed = 1 - definition.evaluation.confidence
    if fallen:
        return AFTER_FALL
    if has_just_won:
        return max(1 - _ERRORS_AFTER_WIN * allowed, AFTER_FALL)
    return definition.evaluation.confidence


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
