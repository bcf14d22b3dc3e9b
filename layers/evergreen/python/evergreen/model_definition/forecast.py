"""The section ``[forecast]``: what a time series is asked for."""

from __future__ import annotations

from pydantic import Field

from evergreen.model_definition.base import Strict


class Forecast(Strict):
    """What a time series is asked for.

    A time series is served and stored row by row like any other task: each row is one forecast,
    and the caller sends past values (lags) and calendar as features. There is one row per step.
    """

    horizon: int = Field(ge=1)
    """Steps from making a forecast to the moment it is about."""
    seasonal_naive: str
    """The feature that holds the value one season before that moment: the baseline of MASE."""
