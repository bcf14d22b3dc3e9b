"""What Evergreen tells the world through EventBridge."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_events import EventBridgeClient

SOURCE = "evergreen"
EVENT_SCHEMA_VERSION = 1


class EventType(StrEnum):
    """The detail types of Evergreen's events, in the order a loop meets them."""

    DRIFT_CHECK_COMPLETED = "Drift Check Completed"
    DATA_DRIFT_DETECTED = "Data Drift Detected"
    PERFORMANCE_DEGRADED = "Performance Degraded"
    DRIFT_CLEARED = "Drift Cleared"
    PERFORMANCE_RECOVERED = "Performance Recovered"
    RETRAINING_REQUESTED = "Retraining Requested"
    RETRAINING_SKIPPED = "Retraining Skipped"
    RETRAINING_FAILED = "Retraining Failed"
    MODEL_PROMOTED = "Model Promoted"
    CHALLENGER_REJECTED = "Challenger Rejected"
    MODEL_ROLLED_BACK = "Model Rolled Back"


class Events:
    """Puts events on one bus.

    Parameters
    ----------
    bus
        Name of the event bus.
    client
        A boto3 EventBridge client.
    """

    def __init__(self, bus: str, client: EventBridgeClient) -> None:
        self._bus = bus
        self._client = client

    def put(self, kind: EventType, model: str, detail: Mapping[str, Any]) -> None:
        """Put one event about ``model``.

        Raises
        ------
        EvergreenError
            If EventBridge did not take it.
        """
        body = {"schema_version": EVENT_SCHEMA_VERSION, "model": model, **detail}
        answer = self._client.put_events(
            Entries=[
                {
                    "Source": SOURCE,
                    "DetailType": kind,
                    "Detail": json.dumps(body, default=str),
                    "EventBusName": self._bus,
                }
            ]
        )
        if answer["FailedEntryCount"]:
            reason = answer["Entries"][0].get("ErrorMessage", "no reason given")
            raise EvergreenError(f"EventBridge refused {kind!r}: {reason}", where=self._bus)
