"""Drift localization: the segments of the traffic that grew most, and those that lost most.

A check says that something moved. This says where, in a few lines for a person; it decides nothing.
A segment is a value or a range of one feature (:mod:`evergreen.evaluation.segments`), of a text a
range of its length.

A *drift* is named by the features with the largest effects, and of each by the segment whose share
of the rows grew most.

A *loss* is the increase of the mean loss of a row, from the holdout to the window: the error rate
for classes, the squared or absolute error for numbers. A segment explains the share of it that its
own rows add beyond what rows of this segment lost on the holdout. It is named if its loss grew
surely more than that of all other rows. The test compares both increases with the normal
distribution (Welch, *Biometrika* 34, 1947), with the probability of a false name divided by the
number of segments (Bonferroni). It takes rows as independent, so of a time series it may name a
segment by chance more often. A second and a third segment are looked for among the rows that are
left, so no row counts twice. A loss that is the same everywhere names no segment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from evergreen.drift.detectors.texts import lengths
from evergreen.drift.records import SegmentFinding
from evergreen.evaluation.segments import cut_into_segments
from evergreen.model_definition import Feature

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.columns import Columns
    from evergreen.drift.records import MultivariateTest, UnivariateTest
    from evergreen.model_definition import ModelDefinition

MOST_SEGMENTS = 3
"""The largest number of segments that are named for a drift, and for a loss."""
FEWEST_ROWS = 30
"""Rows that a segment, and the rest, must have in the window to be compared."""
OTHER_SEGMENT = "(other)"
"""All rare categories together, where a feature has very many."""
UNSEEN_SEGMENT = "(not in training)"
"""All categories together that the reference does not have."""
_LENGTH = Feature(type="integer")


def localize_drift(
    features: Mapping[str, Feature],
    reference: Columns,
    window: Columns,
    univariate: Sequence[UnivariateTest],
    multivariate: MultivariateTest,
) -> tuple[SegmentFinding, ...]:
    """Name, for each of the features that moved most, the segment that grew most.

    Parameters
    ----------
    features
        The features by name.
    reference, window
        Columns as the model sees them, of n and m rows.
    univariate, multivariate
        The tests of the check. If only the joint test found drift, the features that gave the
        window away are named.
    """
    strengths: dict[str, float] = {}
    for test in univariate:
        if test.drifted and test.effect_size is not None and test.feature_name in features:
            strength = test.effect_size / test.effect_threshold
            strengths[test.feature_name] = max(strengths.get(test.feature_name, 0.0), strength)
    names = sorted(strengths, key=lambda name: -strengths[name])
    if not names and multivariate.drifted:
        names = [item.feature_name for item in multivariate.top_features]
    found = (_grown(name, features[name], reference, window) for name in names[:MOST_SEGMENTS])
    return tuple(each for each in found if each is not None)


def localize_loss(
    definition: ModelDefinition,
    holdout: pa.Table,
    holdout_features: Columns,
    labelled: pa.Table,
    labelled_features: Columns,
    *,
    alpha: float,
    unlogged: Collection[str] = (),
) -> tuple[SegmentFinding, ...]:
    """Name the segments that explain most of the increase of the loss.

    Parameters
    ----------
    definition
        Names the features, and the metric that chooses the loss.
    holdout, labelled
        ``label`` and ``model_output`` of n rows at promotion, and of m rows of the window.
    holdout_features, labelled_features
        Their features as the model sees them, in the same order. A data set whose holdout has other
        rows than the predictions tells nothing.
    alpha
        Probability that a segment is named although the loss grew everywhere alike.
    unlogged
        Features that are left out.
    """
    loss = _loss_of(definition)
    older, newer = _losses(loss, holdout), _losses(loss, labelled)
    increase = float(newer.mean() - older.mean())
    belong = all(values.size == older.size for values in holdout_features.values())
    if not belong or not increase > 0:
        return ()
    cuts = [
        _cut(name, definition.features[name], holdout_features[name], labelled_features[name])
        for name in definition.features
        if name not in unlogged
    ]
    level = alpha / max(sum(len(cut.segments) for cut in cuts), 1)
    kept, asked = np.ones(older.size, bool), np.ones(newer.size, bool)
    found: list[SegmentFinding] = []
    while len(found) < MOST_SEGMENTS:
        best, most = None, 0.0
        for cut in cuts:
            before = _Moments.of(cut.reference[kept], older[kept], len(cut.segments))
            now = _Moments.of(cut.window[asked], newer[asked], len(cut.segments))
            # Where a segment is new in the window, it is compared with all rows.
            base = before.where(before.rows >= FEWEST_ROWS, _Moments.whole(older))
            grew = now.mean - base.mean
            rest_now, rest_before = now.rest(), before.rest()
            z = grew - (rest_now.mean - rest_before.mean)
            z /= np.sqrt(now.error + base.error + rest_now.error + rest_before.error)
            enough = np.minimum(np.minimum(now.rows, rest_now.rows), rest_before.rows)
            share = now.rows / newer.size
            explained = share * grew / increase
            sure = (enough >= FEWEST_ROWS) & (stats.norm.sf(z) <= level)
            gain = np.where(sure, explained - share, 0.0)
            place = int(np.argmax(gain))
            if gain[place] > most:
                most = float(gain[place])
                finding = SegmentFinding(
                    explains="performance",
                    feature_name=cut.feature,
                    segment=cut.segments[place],
                    share_reference=float(before.rows[place] / older.size),
                    share_window=float(share[place]),
                    loss=loss,
                    loss_reference=float(base.mean[place]),
                    loss_window=float(now.mean[place]),
                    explained=float(explained[place]),
                )
                best = finding, cut.reference != place, cut.window != place
        if best is None:
            break
        found.append(best[0])
        kept, asked = kept & best[1], asked & best[2]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Cut:
    """The segments of one feature, and the number of the segment of each row of both sides."""

    feature: str
    segments: list[str]
    reference: NDArray[np.int16]
    window: NDArray[np.int16]

    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the share of the rows of each side that each segment has."""
        sides = (self.reference, self.window)
        counts = [np.bincount(side, minlength=len(self.segments)) / side.size for side in sides]
        return counts[0], counts[1]


def _cut(name: str, feature: Feature, reference: NDArray[Any], window: NDArray[Any]) -> _Cut:
    values, unit = np.concatenate([reference, window]), ""
    if feature.type == "text":  # a text itself is for nobody's alert
        feature, values, unit = _LENGTH, lengths(values), " characters"
    # Categories beyond the most frequent ones are one segment.
    segments, places = [OTHER_SEGMENT], np.zeros(values.size, np.int16)
    for segment, rows in cut_into_segments(feature, values):
        places[rows] = len(segments)
        segments.append(segment + unit)
    return _Cut(name, segments, places[: reference.size], places[reference.size :])


@dataclass(frozen=True, slots=True)
class _Moments:
    """Of each segment, shape (segments,): its rows, and the sums of their losses and squares."""

    rows: NDArray[np.float64]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, places: NDArray[np.int16], losses: NDArray[np.float64], segments: int) -> _Moments:
        """Return the moments of the losses of rows, by the number of their segment."""
        rows = np.bincount(places, minlength=segments).astype(np.float64)
        sums = np.bincount(places, losses, segments)
        return cls(rows, sums, np.bincount(places, losses**2, segments))

    @classmethod
    def whole(cls, losses: NDArray[np.float64]) -> _Moments:
        """Return the moments of all rows."""
        return cls.of(np.zeros(losses.size, np.int16), losses, 1)

    def rest(self) -> _Moments:
        """Return the moments of the rows outside of each segment."""
        parts = (self.rows, self.sums, self.squares)
        return _Moments(*(part.sum() - part for part in parts))

    def where(self, condition: NDArray[np.bool_], other: _Moments) -> _Moments:
        """Return these moments, and those of another where the condition does not hold."""
        return _Moments(
            np.where(condition, self.rows, other.rows),
            np.where(condition, self.sums, other.sums),
            np.where(condition, self.squares, other.squares),
        )

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean loss; 0 without rows."""
        return self.sums / np.maximum(self.rows, 1)

    @property
    def error(self) -> NDArray[np.float64]:
        """The squared standard error of the mean. A little more than 0, so that it can divide."""
        variance = np.maximum(self.squares / np.maximum(self.rows, 1) - self.mean**2, 1e-12)
        return variance / np.maximum(self.rows - 1, 1)


def _loss_of(definition: ModelDefinition) -> str:
    if definition.task == "classification":
        return "error rate"
    squared = definition.metric in {"rmse", "r2"}
    return "mean squared error" if squared else "mean absolute error"


def _losses(loss: str, rows: pa.Table) -> NDArray[np.float64]:
    truth = rows["label"].to_numpy(zero_copy_only=False)
    output = rows["model_output"].to_numpy(zero_copy_only=False)
    if loss == "error rate":
        return np.asarray(truth.astype(str) != output.astype(str), np.float64)
    errors = np.abs(truth.astype(np.float64) - output.astype(np.float64))
    return np.square(errors) if loss == "mean squared error" else np.asarray(errors)


def _grown(
    name: str, feature: Feature, reference: Columns, window: Columns
) -> SegmentFinding | None:
    cut = _cut(name, feature, reference[name], window[name])
    before, now = cut.shares()
    segments = cut.segments
    if feature.type == "category":
        unseen = np.isin(window[name], reference[name], invert=True).mean()
        segments = [*segments, UNSEEN_SEGMENT]
        before, now = np.append(before, 0.0), np.append(now, unseen)
    place = int(np.argmax(now - before))
    if now[place] <= before[place]:
        return None
    return SegmentFinding(
        explains="data_drift",
        feature_name=name,
        segment=segments[place],
        share_reference=float(before[place]),
        share_window=float(now[place]),
    )
