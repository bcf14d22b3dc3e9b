"""The section ``[shadow]``: the stage between winning on the holdout and promotion."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from evergreen.model_definition.base import Period, Strict


class Shadow(Strict):
    """Whether and how a challenger that won on the holdout first scores live traffic."""

    min_predictions: int = Field(default=0, ge=0)
    """Rows that the challenger scores beside the champion before it is judged. With 0 there is no
    shadow stage: a challenger that wins on the holdout is promoted at once."""
    max_wait: Period = timedelta(days=1)
    """Longest time in the shadow stage. After it the challenger is judged on the rows it has
    scored by then; with none it is refused."""
    budget_ms: float = Field(default=50.0, gt=0, le=1000)
    """Milliseconds that an answer waits for the challenger. The larger of this and
    ``budget_ratio`` counts."""
    budget_ratio: float = Field(default=2.0, ge=0, le=10)
    """Time that an answer waits for the challenger, as a multiple of the time that the champion
    took. The larger of this and ``budget_ms`` counts."""
    max_error_share: float = Field(default=0.01, ge=0, lt=1)
    """Share of the rows that may fail or exceed the time budget. With more, the challenger is
    refused."""
