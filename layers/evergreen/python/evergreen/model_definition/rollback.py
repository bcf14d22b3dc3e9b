"""The section ``[rollback]``: whether production goes back by itself."""

from __future__ import annotations

from datetime import timedelta

from evergreen.model_definition.base import Period, Strict


class Rollback(Strict):
    """Whether production goes back by itself, and for how long after a promotion."""

    automatic: bool = True
    """Whether an alarm on server errors or failed model loads takes a promotion back."""
    watch: Period = timedelta(hours=1)
    """Time after a promotion in which such an alarm takes it back."""
