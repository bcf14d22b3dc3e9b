"""The section ``[ground_truth]``: which labels can be right."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from evergreen.model_definition.base import Strict


def _text(value: object) -> object:
    return str(value) if isinstance(value, bool | int) else value


class GroundTruth(Strict):
    """Which labels can be right.

    Another label is refused (422). If it is in the log already, nothing uses it, and the metric
    ``UnjoinedLabels`` counts it.
    """

    classes: tuple[Annotated[str, BeforeValidator(_text)], ...] | None = Field(
        default=None, min_length=1
    )
    """All classes that a label may be; only for task ``classification``. Without it: the classes
    of the version in production. Name all of them here when a new one comes up."""
    min: float | None = None
    """Smallest plausible label, in the unit of the target; not for task ``classification``. Without
    it: ten times the range of the labels in training below the smallest of them."""
    max: float | None = None
    """Largest plausible label, as ``min``."""

    @model_validator(mode="after")
    def _range_fits(self) -> GroundTruth:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is greater than max")
        return self
