"""Sending events to EventBridge, and reading them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from evergreen.errors import EvergreenError
from evergreen.events import drift, release, retraining
from evergreen.events.base import SOURCE, Event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_events import EventBridgeClient

EVENT_MODELS: Mapping[str, type[Event]] = {
    event.event_type: event
    for event in (
        drift.DriftCheckCompleted,
        drift.DataDriftDetected,
        drift.PerformanceDegraded,
        drift.DriftCleared,
        drift.PerformanceRecovered,
        drift.RetrainingRequested,
        retraining.RetrainingSkipped,
        retraining.RetrainingFailed,
        release.ModelPromoted,
        release.ChallengerRejected,
        release.ModelRolledBack,
    )
}
"""The model of each event, by its detail type, in the order a loop meets them."""


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

    def put(self, event: Event) -> None:
        """Put one event on the bus.

        Raises
        ------
        EvergreenError
            If EventBridge did not take it.
        """
        kind = event.event_type
        answer = self._client.put_events(
            Entries=[
                {
                    "Source": SOURCE,
                    "DetailType": kind,
                    "Detail": event.model_dump_json(),
                    "EventBusName": self._bus,
                }
            ]
        )
        if answer["FailedEntryCount"]:
            reason = answer["Entries"][0].get("ErrorMessage", "no reason given")
            raise EvergreenError(f"EventBridge refused '{kind}': {reason}", where=self._bus)


def read_event(kind: str, detail: Mapping[str, Any]) -> Event:
    """Return the event with this detail type and detail; fields that are not known are ignored.

    Raises
    ------
    EvergreenError
        If there is no such event, or a field is missing or wrong.
    """
    model = EVENT_MODELS.get(kind)
    if model is None:
        raise EvergreenError(
            f"no event is called '{kind}'", fix=f"There are: {', '.join(EVENT_MODELS)}."
        )
    try:
        return model.model_validate(detail)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
            for each in error.errors(include_url=False)
        )
        raise EvergreenError(
            problems,
            where=f"event '{kind}'",
            fix="Deploy sender and reader in the same version; docs/reference/events.md has the "
            "fields.",
        ) from error
