"""The events of a retraining that ends without a decision, sent by the state machine."""

from __future__ import annotations

from typing import ClassVar

from evergreen.events.base import Event, EventType


class RetrainingEvent(Event):
    """Base of the events of an execution that ends without a decision."""

    execution: str
    """ARN of the execution."""
    reason: str
    """Name of the error."""
    message: str
    """Its message. Of an error in a function this is a JSON object with ``errorMessage``."""


class RetrainingSkipped(RetrainingEvent):
    """There was nothing to retrain: another retraining runs, or too few rows are labelled."""

    event_type: ClassVar[EventType] = EventType.RETRAINING_SKIPPED


class RetrainingFailed(RetrainingEvent):
    """An execution has failed. The version in production goes on serving."""

    event_type: ClassVar[EventType] = EventType.RETRAINING_FAILED

    step: str
    """Name of the state that failed."""
