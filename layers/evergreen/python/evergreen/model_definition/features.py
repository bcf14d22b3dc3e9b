"""The section ``[features]``: the model's inputs, in their order."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, model_validator

from evergreen.model_definition.base import Strict

_MOMENTS = ("datetime", "date", "time", "timestamp")


def _no_moment(value: object) -> object:
    if value in _MOMENTS:
        raise ValueError(
            f"{value!r} is no type of feature: send what a model learns from a moment, such as the "
            "weekday or the minute of the day as an integer, or the hours since as a float"
        )
    return value


FeatureType = Annotated[
    Literal["float", "integer", "boolean", "category"], BeforeValidator(_no_moment)
]


class Feature(Strict):
    """One input of the model: ``name = { type = "float", min = 0 }``.

    The order of the features in the file is the order of the model's inputs.
    """

    type: FeatureType
    """Type of the values. A ``category`` is a text; the model sees a ``boolean`` as 0 or 1. An
    ``integer`` is at most 16,777,216 either way, because 32 bits hold no larger one exactly."""
    nullable: bool = False
    """Whether a request may leave the value out. If not, a missing value is an error (422). An
    estimator that fails without the value is refused."""
    min: float | None = None
    """Smallest plausible value, in the feature's own unit; only for ``float`` and ``integer``. A
    smaller value is still predicted, and the metric ``OutOfRange`` counts it."""
    max: float | None = None
    """Largest plausible value, in the feature's own unit; only for ``float`` and ``integer``. A
    larger value is still predicted, and the metric ``OutOfRange`` counts it."""

    @property
    def is_numeric(self) -> bool:
        """Whether the model sees the feature as a number (booleans are 0 and 1)."""
        return self.type != "category"

    @model_validator(mode="after")
    def _range_fits(self) -> Feature:
        if self.type in {"boolean", "category"} and not (self.min is None and self.max is None):
            raise ValueError(f"min and max have no meaning for a {self.type} feature")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is greater than max")
        return self
