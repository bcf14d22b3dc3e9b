"""Events: what Evergreen tells the world through EventBridge, one pydantic model per event.

In: what a drift check, a decision or the state machine has to tell. Out: an event on the bus, whose
detail is the model's JSON. Who sends an event builds the model, and who reads one parses it with
:func:`read_event`. A reader ignores fields that it does not know and refuses an event in which one
is missing. ``docs/reference/events.md`` is written from these models.
"""

from __future__ import annotations

from evergreen.events.base import EVENT_SCHEMA_VERSION, SOURCE, Event, EventPart, EventType
from evergreen.events.bus import EVENT_MODELS, Events, read_event
from evergreen.events.drift import (
    CheckEvent,
    DataDriftDetected,
    DriftCheckCompleted,
    DriftCleared,
    DriftedSegment,
    EpisodeEnd,
    EpisodeEnded,
    EpisodeEvent,
    EpisodeStanding,
    EpisodeState,
    Ground,
    NoticeEvent,
    PerformanceDegraded,
    PerformanceRecovered,
    RetrainingRequested,
    Severity,
    Trigger,
    Verdict,
)
from evergreen.events.release import (
    ChallengerRejected,
    DecisionEvent,
    ModelPromoted,
    ModelRolledBack,
)
from evergreen.events.retraining import RetrainingEvent, RetrainingFailed, RetrainingSkipped

__all__ = [
    "EVENT_MODELS",
    "EVENT_SCHEMA_VERSION",
    "SOURCE",
    "ChallengerRejected",
    "CheckEvent",
    "DataDriftDetected",
    "DecisionEvent",
    "DriftCheckCompleted",
    "DriftCleared",
    "DriftedSegment",
    "EpisodeEnd",
    "EpisodeEnded",
    "EpisodeEvent",
    "EpisodeStanding",
    "EpisodeState",
    "Event",
    "EventPart",
    "EventType",
    "Events",
    "Ground",
    "ModelPromoted",
    "ModelRolledBack",
    "NoticeEvent",
    "PerformanceDegraded",
    "PerformanceRecovered",
    "RetrainingEvent",
    "RetrainingFailed",
    "RetrainingRequested",
    "RetrainingSkipped",
    "Severity",
    "Trigger",
    "Verdict",
    "read_event",
]
