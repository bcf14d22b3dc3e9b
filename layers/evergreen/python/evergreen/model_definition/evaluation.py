"""The section ``[evaluation]``: how champion and challenger are compared."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evergreen.model_definition.base import Strict


class Evaluation(Strict):
    """How champion and challenger are compared."""

    metric: Literal["f1", "rmse"] | None = None
    min_improvement: float = Field(default=0.0, ge=0)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    holdout: Literal["recent", "random"] = "recent"
    holdout_fraction: float = Field(default=0.5, gt=0, lt=1)
    max_holdout_rows: int = Field(default=10_000, ge=20)
    """However many new rows there are, no more are held out: the longer nothing was promoted, the
    further back half of them reaches, and from what is held out no challenger learns."""
    min_labelled_rows: int = Field(default=1000, ge=20)
    segments: tuple[str, ...] = ()
    """Features whose values (numbers: quarters) are parts of the traffic that a challenger must not
    do worse on; see :mod:`evergreen.evaluation.segments`."""
    max_segment_regression: float = Field(default=0.05, ge=0)
    """How much worse it may be in one: F1 in points (0.05: from .50 to .45), RMSE as a share of
    the champion's there (0.05: from 10 to 10.5)."""
    min_segment_rows: int = Field(default=100, ge=20)
    """Parts with fewer rows of the holdout are shown and decide nothing."""
