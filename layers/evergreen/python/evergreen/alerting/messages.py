"""Alert messages: what people read when something happens to a model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal

from evergreen.errors import EvergreenError
from evergreen.events import (
    ChallengerRejected,
    DataDriftDetected,
    DecisionEvent,
    DriftCleared,
    EpisodeEnded,
    EpisodeEvent,
    Event,
    ModelPromoted,
    ModelRolledBack,
    PerformanceDegraded,
    PerformanceRecovered,
    RetrainingEvent,
    RetrainingFailed,
    read_event,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from evergreen.events import DriftedSegment, Trigger

AlertSeverity = Literal["info", "warning", "critical"]

_LONGEST = 1_000
"""Longest text from another source, such as the cause of an error, in characters."""
_MOST_FEATURES = 5


@dataclass(frozen=True, slots=True)
class Fact:
    """One named value in an alert."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One message to people.

    Parameters
    ----------
    id
        Identifies the news; a repeated event of the same news has the same id.
    severity
        ``info`` needs no action.
    title
        What happened, and to which model.
    says
        What happened as a sentence, with the reason.
    facts
        The numbers.
    todo
        What the reader can do now.
    report
        Key of the report in the data bucket.
    """

    id: str
    severity: AlertSeverity
    title: str
    says: str
    facts: tuple[Fact, ...] = ()
    todo: str = ""
    report: str | None = None


def alert_of(kind: str, detail: Mapping[str, Any], event_id: str) -> Alert:
    """Return the alert of an event.

    Parameters
    ----------
    kind
        The event's detail type.
    detail
        Its detail.
    event_id
        Identifies the event, if its detail has no id of its own.

    Raises
    ------
    EvergreenError
        If there is no alert for this kind of event, or a field of it is missing or wrong.
    """
    if kind not in ALERTED:
        known = ", ".join(sorted(ALERTED))
        raise EvergreenError(
            f"there is no alert for the event {kind!r}", fix=f"There are alerts for: {known}."
        )
    event = read_event(kind, detail)
    return _alert(event, _identity(event, event_id))


def _identity(event: Event, event_id: str) -> str:
    """Return the id that two deliveries, or two events, of the same news share."""
    match event:
        case EpisodeEvent():
            return f"{event.episode_id}.{event.episode_state}"
        case DecisionEvent():
            return f"{event.event_type}.{event.decision_record}"
        case RetrainingEvent():
            return f"{event.event_type}.{event.execution}"
        case _:
            return f"{event.event_type}.{event_id}"


def _alert(event: Event, identity: str) -> Alert:
    match event:
        case DataDriftDetected():
            return _of_episode(event, identity, "data drift detected", _moved(event))
        case PerformanceDegraded():
            by = ", as estimated" if event.kind == "estimated_performance" else ""
            return _of_episode(event, identity, f"performance degraded{by}", _measured(event))
        case EpisodeEnded():
            return _over(event, identity)
        case RetrainingFailed():
            return _failed(event, identity)
        case DecisionEvent():
            return _decided(event, identity)
        case _:
            raise AssertionError(f"{event.event_type} is in ALERTED and has no alert")


def _moved(event: DataDriftDetected) -> list[Fact]:
    effects, joint = event.evidence.effects, event.evidence.joint
    shown = [f"{name} {effect:.2f}" for name, effect in list(effects.items())[:_MOST_FEATURES]]
    more = len(event.drifted_features) - len(shown)
    moved = ", ".join(shown) + (f" and {more} more" if shown and more > 0 else "")
    told = (
        f"told from the reference with accuracy {joint.accuracy:.3f}, limit {joint.threshold:.3f}"
        if joint
        else ""
    )
    return [*_known(Fact("What moved (share of rows)", moved), Fact("All features together", told))]


def _measured(event: PerformanceDegraded) -> list[Fact]:
    measured, estimated = event.evidence.performance, event.evidence.estimated_performance
    if estimated is not None and event.kind == "estimated_performance":
        around = f"{estimated.interval_low:.4g} to {estimated.interval_high:.4g}"
        value = f"{estimated.value:.4g} ({around}), {estimated.promoted:.4g} at promotion"
        return [Fact(f"{estimated.metric.upper()}, estimated", value)]
    if measured is None:
        return []
    value = (
        f"{measured.value:.4g} on {measured.labelled_rows:,} labelled rows, "
        f"{measured.promoted:.4g} at promotion"
    )
    return [Fact(measured.metric.upper(), value)]


def _of_episode(event: EpisodeEvent, identity: str, what: str, facts: list[Fact]) -> Alert:
    if event.start_retraining:
        todo = "A retraining has started. Another message will tell you its result."
    else:
        todo = (
            "No retraining was started, for the reason above. Read the report. To start one "
            f"anyway: evergreen retrain {event.model}"
        )
    window = f"{_time(event.window_start)} to {_time(event.window_end)}"
    return Alert(
        id=identity,
        severity=event.severity,
        title=f"{event.model}: {what}",
        says=_sentence(event.reason),
        facts=(
            *facts,
            *_known(Fact("Where", "; ".join(each.words for each in _segments(event)))),
            Fact("Window", f"{window}, {event.rows:,} rows"),
            Fact("Version", event.model_version),
            Fact("Since", _time(event.since)),
        ),
        todo=todo,
        report=event.report,
    )


def _segments(event: EpisodeEvent) -> list[DriftedSegment]:
    return [each for each in event.evidence.segments if each.explains == event.kind]


def _over(event: EpisodeEnded, identity: str) -> Alert:
    replaced = event.ended_by == "new_version"
    return Alert(
        id=identity,
        severity="info",
        title=f"{event.model}: {_OVER[event.kind]}",
        says=(
            f"Version {event.model_version}, which had it, has been replaced."
            if replaced
            else "Each window length that showed it now has a newer window without it."
        ),
        facts=(
            Fact("Version", event.model_version),
            Fact("Lasted", f"{_time(event.since)} to {_time(event.ended_at)}"),
        ),
        todo="You need to do nothing.",
        report=event.report,
    )


def _failed(event: RetrainingFailed, identity: str) -> Alert:
    return Alert(
        id=identity,
        severity="critical",
        title=f"{event.model}: retraining failed",
        says=f"{event.reason}: {_short(event.message)}",
        facts=(Fact("Step", event.step), Fact("Execution", _name(event.execution))),
        todo=(
            "The version in production still serves. Open the execution in Step Functions and "
            f"repair what its red state names. Then run: evergreen retrain {event.model}"
        ),
    )


def _decided(event: DecisionEvent, identity: str) -> Alert:
    what, severity, todo = _DECIDED[type(event)]
    return Alert(
        id=identity,
        severity=severity,
        title=f"{event.model}: version {event.challenger} {what}",
        says=_sentence(_short(event.reason) or f"Version {event.challenger} {what}"),
        facts=_known(
            Fact("Previous version", event.champion or ""),
            Fact((event.metric or "").upper(), _scores(event)),
            Fact("Execution", _name(event.execution or "")),
        ),
        todo=todo.format(model=event.model),
    )


def _scores(event: DecisionEvent) -> str:
    if event.metric_challenger is None:
        return ""
    old = event.metric_champion
    against = "" if old is None else f", {old:.4g} for the previous version"
    return f"{event.metric_challenger:.4g}{against}"


def _known(*facts: Fact) -> tuple[Fact, ...]:
    return tuple(fact for fact in facts if fact.name and fact.value)


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


_OVER: Mapping[Trigger, str] = {
    "data_drift": "drift has cleared",
    "performance": "performance has recovered",
    "estimated_performance": "estimated performance is no longer worse",
}
_DECIDED: Mapping[type[DecisionEvent], tuple[str, AlertSeverity, str]] = {
    ModelPromoted: (
        "is in production",
        "info",
        "You need to do nothing. To go back to the previous version: evergreen rollback {model}",
    ),
    ChallengerRejected: (
        "was not better",
        "info",
        "You need to do nothing: the champion still serves.",
    ),
    ModelRolledBack: (
        "serves again",
        "warning",
        "Find out what was wrong with the version that was removed: evergreen history {model}",
    ),
}
_ALERTED: tuple[type[Event], ...] = (
    *(DataDriftDetected, PerformanceDegraded, DriftCleared, PerformanceRecovered),
    *(RetrainingFailed, ModelPromoted, ChallengerRejected, ModelRolledBack),
)
ALERTED = tuple(event.event_type for event in _ALERTED)
"""The events that become alerts."""
