"""Deliver something once, though it is asked for twice and whoever delivers may die.

A mark per delivery in the data bucket: taken before, by conditional write, and closed after. A
mark that was taken and not closed is taken over when its time is up, so what is lost is found
again; only who dies between delivering and closing makes a second delivery.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from evergreen.clock import Moment
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.clock import Clock
    from evergreen.storage import Storage

PATIENCE = timedelta(minutes=2)
"""How long a delivery may take; longer than the function that delivers may run."""


class DeliveryInProgressError(EvergreenError):
    """Another one is delivering the same thing right now."""


class _Mark(BaseModel):
    model_config = ConfigDict(frozen=True)

    state: Literal["delivering", "delivered", "failed"]
    at: Moment

    def body(self) -> bytes:
        return self.model_dump_json().encode()


def mark_key(channel: str, identity: str) -> str:
    """Return the key of the mark of one delivery."""
    return f"alerts/{channel}/{quote(identity, safe='')}.json"


def deliver_once(
    storage: Storage, key: str, deliver: Callable[[], object], *, clock: Clock
) -> bool:
    """Call ``deliver`` unless that has been done before; say whether it was called.

    Parameters
    ----------
    storage
        The data bucket.
    key
        Where the delivery is marked; see :func:`mark_key`.
    deliver
        Delivers, or raises; then it may be tried again.
    clock
        Gives the time noted in the mark.

    Raises
    ------
    DeliveryInProgressError
        If another one is delivering, for less than :data:`PATIENCE`.
    """
    if not _take(storage, key, clock):
        return False
    try:
        deliver()
    except BaseException:
        storage.put(key, _Mark(state="failed", at=clock()).body())
        raise
    storage.put(key, _Mark(state="delivered", at=clock()).body())
    return True


def _take(storage: Storage, key: str, clock: Clock) -> bool:
    mine = _Mark(state="delivering", at=clock()).body()
    if storage.put_if_absent(key, mine):
        return True
    found = storage.get_with_etag(key)
    if found is not None:
        mark = _Mark.model_validate_json(found[0])
        if mark.state == "delivered":
            return False
        waiting = mark.state == "delivering" and clock() - mark.at < PATIENCE
        if not waiting and storage.put_if_unchanged(key, mine, found[1]):
            return True
    raise DeliveryInProgressError("it is being delivered right now", where=storage.uri(key))
