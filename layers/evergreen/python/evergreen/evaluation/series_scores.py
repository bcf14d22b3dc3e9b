"""Each series and each horizon of a time series by itself, beside the seasonal naive forecast.

One number decides about a challenger, over all series and horizons. It can hide that a model is
useless for one of them. A series is judged by its own naive forecast: the errors of a large store
are larger than those of a small one, and the better question is whether the model beats the
forecast that needs none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evergreen.datasets.steps import series_of, steps_ahead
from evergreen.evaluation.measure import measure_of
from evergreen.evaluation.rolling_origin import seasonal_naive

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.evaluation.measure import Measure
    from evergreen.model_definition import ModelDefinition


@dataclass(frozen=True, slots=True)
class SeriesScore:
    """The metric on the rows of one series, or on those that look equally far ahead."""

    feature: str
    """The feature that tells them."""
    value: str
    """Its value."""
    rows: int
    champion: float | None
    """None where no version was in production."""
    challenger: float
    seasonal_naive: float
    is_worse: bool
    """Whether the challenger is worse than the seasonal naive forecast."""


def score_series(
    definition: ModelDefinition,
    holdout: pa.Table,
    ground_truth: NDArray[np.float64],
    *,
    champion: NDArray[np.float64] | None,
    challenger: NDArray[np.float64],
) -> tuple[SeriesScore, ...]:
    """Return the metric of each series, the worst first, and then of each horizon, by its length.

    The worst series is the one where the challenger is worst against its naive forecast. Without
    features that tell series or horizon there are none.

    Parameters
    ----------
    definition
        The model's.
    holdout
        n rows with their features.
    ground_truth, champion, challenger
        n labels, and n forecasts of each model, in the unit of the target.
    """
    if definition.forecast is None or not definition.step_features:
        return ()
    measure = measure_of(definition)
    naive = seasonal_naive(definition, holdout)

    def scored(
        feature: str, parts: Iterator[tuple[str, NDArray[np.bool_]]]
    ) -> Iterator[SeriesScore]:
        for value, inside in parts:
            sides = (champion, challenger, naive)
            first, second, third = (
                None if side is None else measure.score(ground_truth[inside], side[inside])
                for side in sides
            )
            assert second is not None
            assert third is not None
            worse = second < third if measure.more_is_better else second > third
            rows = int(inside.sum())
            yield SeriesScore(feature, value, rows, first, second, third, is_worse=worse)

    found: list[SeriesScore] = []
    if definition.forecast.series in holdout.column_names:
        series = series_of(definition, holdout)
        each = ((str(name), series == name) for name in np.unique(series))
        by_series = scored(str(definition.forecast.series), each)
        found += sorted(by_series, key=lambda score: _against_naive(measure, score), reverse=True)
    if isinstance(definition.forecast.horizon, str):
        ahead = steps_ahead(definition, holdout)
        each = ((f"{steps:g}", ahead == steps) for steps in np.unique(ahead))
        found += scored(definition.forecast.horizon, each)
    return tuple(found)


def _against_naive(measure: Measure, score: SeriesScore) -> float:
    """Return how bad the challenger is: its metric as a share of the naive forecast's, or less."""
    if measure.more_is_better:
        return score.seasonal_naive - score.challenger
    return score.challenger / max(score.seasonal_naive, 1e-300)
