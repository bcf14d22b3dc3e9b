"""What every event has: its type, its schema version and its model."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

SOURCE = "evergreen"
"""EventBridge source of all events."""
EVENT_SCHEMA_VERSION = 1
"""Version of the events' fields. It grows when a field goes or changes its meaning."""


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


class EventPart(BaseModel):
    """Base of whatever is in an event: immutable, and an unknown field is ignored.

    So a reader understands an event that a newer version with more fields has sent.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(EventPart):
    """Base of all events."""

    event_type: ClassVar[EventType]

    schema_version: int = EVENT_SCHEMA_VERSION
    """Version of the fields. A newer one may have more fields; a reader ignores them."""
    model: str
    """Name of the model."""
