"""The section ``[forecast]``: what a time series is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from evergreen.model_definition.base import Strict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.model_definition.features import Feature


class Forecast(Strict):
    """What a time series is asked for. Task ``time_series`` needs it, no other task takes it.

    A time series is served and stored row by row like any other task: each row is one forecast,
    and the caller sends past values (lags) and calendar as features. There is one row per step; of
    several series, or several horizons, one for each of them.
    """

    horizon: Annotated[int, Field(ge=1)] | str
    """Steps from making a forecast to the time it is about: a number, or the name of an
    ``integer`` feature with ``min`` and ``max`` that says it of each row. The last ``horizon - 1``
    rows of each series before a recent holdout are not trained on: their outcome was not known yet.
    """
    seasonal_naive: str
    """Name of the numeric feature that holds the value one season before the time of the
    forecast. It is the baseline of the metric MASE."""
    series: str | None = None
    """Name of the ``category`` feature that tells the series of a row, such as ``"store"``. Without
    it all rows are one series."""

    def fault(self, features: Mapping[str, Feature]) -> str | None:
        """Return what does not fit the features, or None."""
        naive = features.get(self.seasonal_naive)
        if naive is None or not naive.is_numeric:
            return f"forecast.seasonal_naive {self.seasonal_naive!r} is not a numeric feature"
        if self.series is not None:
            told = features.get(self.series)
            if told is None or told.type != "category":
                return (
                    f"forecast.series {self.series!r} is not a category feature; numbers that name "
                    'a series are sent as text, with type = "category"'
                )
        if isinstance(self.horizon, str):
            ahead = features.get(self.horizon)
            if ahead is None or ahead.type != "integer" or ahead.nullable:
                return f"forecast.horizon {self.horizon!r} is not an integer feature of every row"
            if ahead.min is None or ahead.max is None or ahead.min < 1:
                return (
                    f"forecast.horizon {self.horizon!r} needs the smallest and the largest number "
                    "of steps as the feature's min (at least 1) and max"
                )
        return None
