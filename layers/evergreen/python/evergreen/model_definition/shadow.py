"""The section ``[shadow]``: the stage between winning on the holdout and promotion."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from evergreen.model_definition.base import Period, Strict


class Shadow(Strict):
    """Whether and how a challenger that won on the holdout first scores live traffic."""

    min_predictions: int = Field(default=0, ge=0)
    """Rows it is to be judged on; 0 for no shadow stage."""
    max_wait: Period = timedelta(days=1)
    """When it is judged on what there is by then."""
    budget_ms: float = Field(default=50.0, gt=0, le=1000)
    budget_ratio: float = Field(default=2.0, ge=0, le=10)
    """An answer waits for it at most ``budget_ms`` milliseconds or, if that is more, this many
    times what the champion took."""
    max_error_share: float = Field(default=0.01, ge=0, lt=1)
    """Refused if more of its rows than this were not scored, or not within the budget."""
