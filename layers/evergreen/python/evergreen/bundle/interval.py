"""The prediction interval: how far from its output a regression model's truth usually lies."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Sequence

_LARGEST = sys.float_info.max


class PredictionInterval(BaseModel):
    """An interval of the same width around each output, learnt by conformal prediction."""

    model_config = ConfigDict(frozen=True)

    coverage: float
    """Share of the rows whose ground truth lies in the interval, 0 to 1: at least this share, if
    the rows are like those that it was learnt on."""
    radius: float
    """Distance from the output to each end, in the unit of the target."""
    rows: int
    """Number of held-out rows that it was learnt on."""

    def around(self, outputs: Sequence[float]) -> list[list[float]]:
        """Return the lower and the upper end for each of n outputs, shape (n, 2).

        An end beyond the largest double is that double, so each can be written as JSON.
        """
        return [
            [max(output - self.radius, -_LARGEST), min(output + self.radius, _LARGEST)]
            for output in outputs
        ]
