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
    """One input of the model.

    ``min`` and ``max`` describe the range seen as plausible; a value outside is counted as a
    data-quality finding and still predicted. A missing value is an error unless ``nullable``.
    """

    type: FeatureType
    nullable: bool = False
    min: float | None = None
    max: float | None = None

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
