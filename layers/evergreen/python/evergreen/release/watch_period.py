"""Whether an alarm takes a promotion back: only a recent one, and only once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.model_definition import Rollback
    from evergreen.production import ProductionPointer


def why_not(rollback: Rollback, pointer: ProductionPointer | None, at: datetime) -> str | None:
    """Return why an alarm does not take production back, or None if it does.

    An alarm that is older than the rollback in production may be the one that caused it, called
    again after it was interrupted: it is told to go on, and finds what is done already done. Any
    later alarm is about the version gone back to, and a rollback is not rolled back.

    Parameters
    ----------
    rollback
        What the model's definition says.
    pointer
        What is in production, if anything is.
    at
        When the alarm began.
    """
    if pointer is None:
        return "nothing is in production"
    if rollback.automatic and pointer.rolled_back and at <= pointer.promoted_at:
        return None
    version, promoted_at = pointer.version, pointer.promoted_at
    reasons = (
        (not rollback.automatic, "automatic rollback is off for this model"),
        (pointer.rolled_back, f"version {version} is what production was rolled back to"),
        (pointer.previous is None, f"nothing was in production before version {version}"),
        (at < promoted_at, f"the alarm began before version {version} was promoted"),
        (at > promoted_at + rollback.watch, f"version {version} has outlived its watch period"),
    )
    return next((why for applies, why in reasons if applies), None)
