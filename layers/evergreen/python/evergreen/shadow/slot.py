"""The shadow slot: a challenger that won on the holdout scores live traffic before it may serve.

The slot is part of the production pointer. The serving function sees it when it next reads the
pointer (:mod:`evergreen.shadow.scorer`). The comparison reads the results from the request log
(:mod:`evergreen.shadow.comparison`). A promotion or a rejection empties the slot. If an execution
ended without emptying it, the next execution does.
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


def start_shadow(
    storage: Storage,
    production: Production,
    model: str,
    slot: ShadowSlot,
) -> ShadowSlot:
    """Put a challenger into the shadow slot, and return the slot.

    A second call for the same version and owner keeps the first start time.

    Raises
    ------
    BundleError
        If its bundle is missing, incomplete or altered. Nothing has been changed.
    NoProductionModelError
        If no version is in production.
    """
    pointer = production.read(model)
    known = pointer.shadow if pointer else None
    if known and known.model_copy(update={"started_at": slot.started_at}) == slot:
        return known
    load_bundle(storage, slot)
    production.set_shadow(model, slot)
    return slot


def stop_shadow(production: Production, model: str, version: str | None = None) -> bool:
    """Empty the shadow slot; return whether it was filled.

    Parameters
    ----------
    version
        Empty the slot only if it has this version; None for any version.
    """
    pointer = production.read(model)
    if pointer is None or pointer.shadow is None:
        return False
    if version is not None and pointer.shadow.version != version:
        return False
    return production.set_shadow(model, None)


def clear_abandoned_shadow(production: Production, model: str, execution: str) -> bool:
    """Empty a slot that another execution has filled; return whether there was one.

    The caller holds the model's retraining lock, so the other execution has ended. A slot that a
    person has filled is kept.
    """
    pointer = production.read(model)
    owner = pointer.shadow.owner if pointer and pointer.shadow else None
    return owner is not None and owner != execution and stop_shadow(production, model)


def seconds_to_wait(definition: ModelDefinition, slot: ShadowSlot, now: datetime) -> int:
    """Return the seconds until the next comparison, within the time limit.

    Traffic may bring the rows within seconds, or within days. So the first comparison is soon, and
    each next one after as much time as has passed, at most a 200th of the limit and 15 minutes.
    """
    limit = definition.shadow.max_wait
    longest = min(max(int(limit.total_seconds() / _LOOKS), _SHORTEST), _LONGEST)
    step = min(max(int((now - slot.started_at).total_seconds()), _SHORTEST), longest)
    left = int((slot.started_at + limit - now).total_seconds()) + 1
    return max(min(step, left), 1)
