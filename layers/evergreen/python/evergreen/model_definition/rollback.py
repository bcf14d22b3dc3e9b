"""The section ``[rollback]``: whether production goes back by itself."""

from __future__ import annotations

from datetime import timedelta

from evergreen.model_definition.base import Period, Strict


class Rollback(Strict):
    """Whether production goes back by itself, and for how long after a promotion."""

    automatic: bool = True
    watch: Period = timedelta(hours=1)
    """How long after a promotion an alarm on errors or on loading the model takes it back."""
