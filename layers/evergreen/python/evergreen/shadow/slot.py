"""The shadow slot: a challenger that won on the holdout scores live traffic before it may serve.

The slot is part of the production pointer. What serves notices it with its next look at the pointer
(:mod:`evergreen.shadow.scorer`); what came of it is compared from the request log
(:mod:`evergreen.shadow.comparison`). A promotion empties the slot, as does a rejection; one that an
ended execution left behind is emptied by the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.bundle.store import load_bundle

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.model_definition import ModelDefinition
    from evergreen.production import Production, ShadowSlot
    from evergreen.storage import Storage

_LOOKS = 200
_SHORTEST, _LONGEST = 5, 900


def start(
    storage: Storage,
    production: Production,
    model: str,
    slot: ShadowSlot,
) -> ShadowSlot:
    """Put a challenger into the shadow of what serves, and return the slot as it is now.

    Doing it again for the same version and owner keeps the first time it was started.

    Raises
    ------
    BundleError
        If its bundle is missing, incomplete or altered; nothing has been changed then.
    NoProductionModelError
        If nothing serves that it could stand beside.
    """
    pointer = production.read(model)
    known = pointer.shadow if pointer else None
    if known and known.model_copy(update={"started_at": slot.started_at}) == slot:
        return known
    load_bundle(storage, slot)
    production.set_shadow(model, slot)
    return slot


def stop(production: Production, model: str, version: str | None = None) -> bool:
    """Empty the shadow slot; say whether there was something in it.

    Parameters
    ----------
    version
        Only if this version is in it; None for any.
    """
    pointer = production.read(model)
    if pointer is None or pointer.shadow is None:
        return False
    if version is not None and pointer.shadow.version != version:
        return False
    return production.set_shadow(model, None)


def heal(production: Production, model: str, execution: str) -> bool:
    """Empty a slot that another execution left behind; say whether there was one.

    For who holds the model's retraining lock: whoever filled the slot under it has ended. What a
    person has put there stays.
    """
    pointer = production.read(model)
    owner = pointer.shadow.owner if pointer and pointer.shadow else None
    return owner is not None and owner != execution and stop(production, model)


def seconds_to_wait(definition: ModelDefinition, slot: ShadowSlot, now: datetime) -> int:
    """Return after how many seconds to look again: 5 s to 15 min, and not past the time limit."""
    limit = definition.shadow.max_wait
    step = min(max(int(limit.total_seconds() / _LOOKS), _SHORTEST), _LONGEST)
    left = int((slot.started_at + limit - now).total_seconds()) + 1
    return max(min(step, left), 1)
