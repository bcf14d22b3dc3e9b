"""The retraining lock: an object in the data bucket that allows one retraining per model at a time.

The owner is the ARN of a Step Functions execution. If the owner no longer runs, the next execution
takes the lock over. So an execution that died without releasing the lock blocks nobody.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from evergreen.clock import to_text
from evergreen.errors import RetrainingInProgressError

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.clock import Clock
    from evergreen.storage import Storage

_ATTEMPTS = 5


class RetrainingLock(BaseModel):
    """The execution that retrains a model, and since when."""

    model_config = ConfigDict(frozen=True)

    owner: str
    taken_at: datetime


def lock_key(model: str) -> str:
    """Return the key of the model's lock object; deleting it releases the lock."""
    return f"locks/{model}.json"


def take_lock(
    storage: Storage,
    model: str,
    owner: str,
    *,
    is_running: Callable[[str], bool],
    clock: Clock,
) -> None:
    """Give the lock of ``model`` to ``owner``; taking it twice is no error.

    Parameters
    ----------
    storage
        The data bucket.
    model
        The model to retrain.
    owner
        ARN of the execution that wants the lock.
    is_running
        Returns whether an execution is still running.
    clock
        Gives the time noted in the lock.

    Raises
    ------
    RetrainingInProgressError
        If another running execution holds the lock, or others take it first at every attempt.
    """
    key = lock_key(model)
    body = json.dumps({"owner": owner, "taken_at": to_text(clock())}).encode()
    holder = "another execution"
    for _ in range(_ATTEMPTS):
        if storage.put_if_absent(key, body):
            return
        found = storage.get_with_etag(key)
        if found is None:
            continue  # released between the two calls
        held, etag = found
        holder = json.loads(held)["owner"]
        if holder == owner:
            return
        if is_running(holder):
            break
        if storage.put_if_unchanged(key, body, etag):
            return
    raise RetrainingInProgressError(
        f"{model} is being retrained by {holder}", where=storage.uri(key)
    )


def read_lock(storage: Storage, model: str) -> RetrainingLock | None:
    """Return the model's lock, or None if nobody holds it."""
    body = storage.get(lock_key(model))
    return None if body is None else RetrainingLock.model_validate_json(body)


def is_retraining(storage: Storage, model: str, is_running: Callable[[str], bool]) -> bool:
    """Return whether an execution that still runs holds the model's lock."""
    lock = read_lock(storage, model)
    return lock is not None and is_running(lock.owner)


def release_stale(storage: Storage, model: str, is_running: Callable[[str], bool]) -> bool:
    """Delete the lock of an execution that no longer runs; return whether there was one."""
    key = lock_key(model)
    found = storage.get_with_etag(key)
    if found is None or is_running(json.loads(found[0])["owner"]):
        return False
    # The write fails if another execution has taken the lock over since the read.
    if storage.put_if_unchanged(key, found[0] + b"\n", found[1]):
        storage.delete(key)
        return True
    return False
