"""Delivery once, although a delivery may be requested twice and the process may die.

Each delivery has a mark in the data bucket. The mark is created by conditional write before the
delivery and closed after it. A mark that is not closed in time is taken over, so no delivery is
lost. A second delivery happens only if the process dies between delivering and closing the mark.
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

DELIVERY_TIMEOUT = timedelta(minutes=2)
"""The longest time of a delivery; it is longer than the timeout of the delivering function."""


class DeliveryInProgressError(EvergreenError):
    """Another process is delivering the same thing now."""


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
    """Call ``deliver`` unless an earlier call has delivered; return whether it was called.

    Parameters
    ----------
    storage
        The data bucket.
    key
        The key of the mark; see :func:`mark_key`.
    deliver
        Delivers, or raises. After an error the delivery may be tried again.
    clock
        Gives the time noted in the mark.

    Raises
    ------
    DeliveryInProgressError
        If another process has been delivering for less than :data:`DELIVERY_TIMEOUT`.
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
        waiting = mark.state == "delivering" and clock() - mark.at < DELIVERY_TIMEOUT
        if not waiting and storage.put_if_unchanged(key, mine, found[1]):
            return True
    raise DeliveryInProgressError("another process is delivering it now", where=storage.uri(key))
