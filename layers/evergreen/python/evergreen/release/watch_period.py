"""The watch period of a promotion: whether an alarm rolls the promotion back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.model_definition import Rollback
    from evergreen.production import ProductionPointer


def reason_not_to_roll_back(
    rollback: Rollback, pointer: ProductionPointer | None, at: datetime
) -> str | None:
    """Return why an alarm does not roll production back, or None if it does.

    An alarm that is older than the current rollback may have caused it: its call was interrupted
    and is repeated. Then the answer is None, and the repeated rollback skips its finished steps.
    Any later alarm is about the restored version, and a rollback is never rolled back.

    Parameters
    ----------
    rollback
        The section of the model's definition.
    pointer
        The production pointer, or None.
    at
        When the alarm began.
    """
    if pointer is None:
        return "no version is in production"
    if rollback.automatic and pointer.rolled_back and at <= pointer.promoted_at:
        return None
    version, promoted_at = pointer.version, pointer.promoted_at
    reasons = (
        (not rollback.automatic, "automatic rollback is off for this model"),
        (pointer.rolled_back, f"production was rolled back to version {version}"),
        (pointer.previous is None, f"nothing was in production before version {version}"),
        (at < promoted_at, f"the alarm began before version {version} was promoted"),
        (at > promoted_at + rollback.watch, f"the watch period of version {version} is over"),
    )
    return next((why for applies, why in reasons if applies), None)
