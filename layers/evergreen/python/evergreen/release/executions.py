"""Executions of the state machine: whether one is running, and what it does now."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

from evergreen.clock import Moment
from evergreen.release.retraining_lock import read_lock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mypy_boto3_stepfunctions import SFNClient

    from evergreen.storage import Storage

AWAY = "RegistryUnavailableError"
"""The error of a state that found the registry away; the state machine tries it again."""
_UNKNOWN = {"ExecutionDoesNotExist", "InvalidArn"}
_FOUND_AWAY = timedelta(seconds=60)
"""A try that has run for longer has found the registry, and is at work."""
_NEWEST_EVENTS = 1000
"""More than there are in 30 minutes of tries, and as many as one call gives."""


class RunningRetraining(BaseModel):
    """The retraining of a model that runs now, and what it does."""

    model_config = ConfigDict(frozen=True)

    execution: str
    """Name of the execution."""
    since: Moment
    state: str | None = None
    """The state of the state machine that it is in."""
    waiting_since: Moment | None = None
    """When the state first found the registry away; None if it does not wait for it."""
    waiting_for: str | None = None
    """What the newest try said of the registry."""


def is_running(client: SFNClient, execution: str) -> bool:
    """Return whether an execution is running; one that Step Functions does not know is not."""
    try:
        answer = client.describe_execution(executionArn=execution)
    except ClientError as error:
        if error.response["Error"]["Code"] in _UNKNOWN:
            return False
        raise
    return answer["status"] == "RUNNING"


def read_running_retraining(
    storage: Storage, client: SFNClient, model: str, now: datetime
) -> RunningRetraining | None:
    """Return the execution that holds the model's lock, if it still runs."""
    lock = read_lock(storage, model)
    if lock is None or not is_running(client, lock.owner):
        return None
    history = client.get_execution_history(
        executionArn=lock.owner, reverseOrder=True, maxResults=_NEWEST_EVENTS
    )
    return RunningRetraining(
        execution=lock.owner.rpartition(":")[2],
        since=lock.taken_at,
        **_doing(history["events"], now),
    )


def found_away(event: Mapping[str, Any]) -> str | None:
    """Return what a failed try said of a registry that was away; None for any other event."""
    for name, details in event.items():
        if name.endswith("FailedEventDetails") and details.get("error") == AWAY:
            return message_of(details.get("cause")) or AWAY
    return None


def message_of(cause: str | None) -> str | None:
    """Return the message of an execution's cause, "step: message", without Lambda's JSON."""
    step, brace, wrapped = (cause or "").partition("{")
    try:
        message = json.loads(brace + wrapped)["errorMessage"]
    except (ValueError, KeyError, TypeError):
        return cause
    return f"{step}{message}"


def _doing(newest_first: list[Any], now: datetime) -> dict[str, Any]:
    """Return the state that an execution is in, and since when it waits for the registry."""
    said, since, at_work = None, None, False
    for event in newest_first:
        if entered := event.get("stateEnteredEventDetails"):
            waits = {"waiting_since": since, "waiting_for": said} if not at_work else {}
            return {"state": entered["name"], **waits}
        if away := found_away(event):
            said, since = said or away, event["timestamp"]
        elif since is None:
            at_work |= event["type"].endswith("Succeeded")
            at_work |= now - event["timestamp"] > _FOUND_AWAY
    return {}
