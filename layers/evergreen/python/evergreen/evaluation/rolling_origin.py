"""Rolling-origin evaluation: the holdout of a time series, scored window after window.

Every row of a time series is a forecast from its own origin (the row's timestamp), made with what
was known then, and the origins of a holdout follow one another step by step. Scoring champion and
challenger on it is a rolling-origin evaluation with fixed coefficients (L. Tashman, "Out-of-sample
tests of forecasting accuracy: an analysis and review", *International Journal of Forecasting* 16,
2000): the origin moves, the models stay as they are. That is how they serve between one retraining
and the next, and both forecast from the same origins. The gap before the holdout
(:func:`evergreen.datasets.splitting.split_rows`) ensures that no label that was trained on was
still unknown at the first origin.

One number for a whole holdout hides when a model was wrong. So origins are also cut into windows,
one after another, each at least a horizon long, as errors of forecasts that are less than a horizon
apart share most of what happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from evergreen.datasets.schema import TIMESTAMP, to_columns
from evergreen.datasets.steps import rows_per_step, series_of
from evergreen.evaluation.metrics import rmse, scaled_error

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.model_definition import ModelDefinition

MAX_WINDOWS = 12
"""The largest number of windows that a holdout is cut into."""


@dataclass(frozen=True, slots=True)
class RollingOriginWindow:
    """RMSE of each forecast over the same successive origins, in the unit of the target."""

    first_origin: datetime
    last_origin: datetime
    rows: int
    champion: float | None
    """None where no version was in production."""
    challenger: float
    seasonal_naive: float


def evaluate_rolling_origin(
    definition: ModelDefinition,
    holdout: pa.Table,
    ground_truth: NDArray[np.float64],
    *,
    champion: NDArray[np.float64] | None,
    challenger: NDArray[np.float64],
) -> tuple[RollingOriginWindow, ...]:
    """Return how champion, challenger and naive forecast did window after window, oldest first.

    Of another task there are none.

    Parameters
    ----------
    definition
        The model's.
    holdout
        n rows in time order, with their features.
    ground_truth, champion, challenger
        n labels, and n forecasts of each model, in the unit of the target.
    """
    if definition.forecast is None:
        return ()
    naive = seasonal_naive(definition, holdout)
    times = holdout[TIMESTAMP].to_pylist()
    return tuple(
        RollingOriginWindow(
            first_origin=times[part.start],
            last_origin=times[part.stop - 1],
            rows=part.stop - part.start,
            champion=None if champion is None else rmse(ground_truth[part], champion[part]),
            challenger=rmse(ground_truth[part], challenger[part]),
            seasonal_naive=rmse(ground_truth[part], naive[part]),
        )
        for part in windows(definition, ground_truth.size, rows_per_step(definition, holdout))
    )


def windows(definition: ModelDefinition, rows: int, per_step: int = 1) -> list[slice]:
    """Return windows of about equal length over n > 0 successive rows, oldest first.

    At most :data:`MAX_WINDOWS`, each at least a horizon long; one where there are fewer origins.

    Parameters
    ----------
    definition
        A time series' definition.
    rows
        Their number.
    per_step
        How many rows a step has (:func:`evergreen.datasets.steps.rows_per_step`).
    """
    steps = max(rows // per_step, 1)
    count = max(min(MAX_WINDOWS, steps // definition.longest_horizon), 1)
    edges = (np.linspace(0, steps, count + 1).astype(int) * per_step).tolist()
    return [slice(*pair) for pair in pairwise([*edges[:-1], rows])]


def forecast_scores(
    definition: ModelDefinition,
    ground_truth: NDArray[np.float64],
    predicted: NDArray[np.float64],
    holdout: pa.Table,
    training: pa.Table | None,
) -> dict[str, float]:
    """Return ``rmse_seasonal_naive``, ``rmse_worst_window`` and ``mase``.

    Of several series also ``series_worse_than_naive``, the share of the series of the holdout that
    the seasonal naive forecast predicts with a smaller RMSE.

    Parameters
    ----------
    definition
        A time series' definition.
    ground_truth, predicted
        n values each, in the unit of the target.
    holdout
        The n rows with their features, in time order.
    training
        The rows trained on, which give MASE its scale, each series its own; without them, or where
        the naive forecast is perfect on them, there is no ``mase``.
    """
    parts = windows(definition, ground_truth.size, rows_per_step(definition, holdout))
    worst = max(rmse(ground_truth[part], predicted[part]) for part in parts)
    naive = seasonal_naive(definition, holdout)
    scores = {"rmse_seasonal_naive": rmse(ground_truth, naive), "rmse_worst_window": worst}
    series = series_of(definition, holdout)
    if definition.forecast is not None and definition.forecast.series:
        errors = (ground_truth - predicted) ** 2, (ground_truth - naive) ** 2
        each = [series == name for name in np.unique(series)]
        worse = [errors[0][inside].mean() > errors[1][inside].mean() for inside in each]
        scores["series_worse_than_naive"] = float(np.mean(worse))
    if training is not None and training.num_rows:
        mase = scaled_error(
            ground_truth,
            predicted,
            trained_ground_truth=training[definition.target].to_numpy(),
            trained_naive=seasonal_naive(definition, training),
            series=(series, series_of(definition, training)),
        )
        if mase is not None:
            scores["mase"] = mase
    return scores


def seasonal_naive(definition: ModelDefinition, rows: pa.Table) -> NDArray[np.float64]:
    """Return the seasonal naive forecast of each row: the value one season earlier."""
    assert definition.forecast is not None
    return to_columns(definition, rows)[definition.forecast.seasonal_naive].astype(np.float64)
