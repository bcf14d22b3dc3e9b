"""The section ``[forecast]``: what a time series is asked for."""

from __future__ import annotations

from pydantic import Field

from evergreen.model_definition.base import Strict


class Forecast(Strict):
    """What a time series is asked for. Task ``time_series`` needs it, no other task takes it.

    A time series is served and stored row by row like any other task: each row is one forecast,
    and the caller sends past values (lags) and calendar as features. There is one row per step.
    """

    horizon: int = Field(ge=1)
    """Rows from making a forecast to the moment it is about. The last ``horizon - 1`` rows before
    a recent holdout are not trained on: their outcome was not known yet."""
    seasonal_naive: str
    """Name of the numeric feature that holds the value one season before the moment of the
    forecast. It is the baseline of the metric MASE."""
