"""Alert messages: what people read when something happens to a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from evergreen.clock import from_text
from evergreen.errors import EvergreenError
from evergreen.events import EventType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
        If there is no alert for this kind of event.
    """
    tell = _TELLERS.get(kind)
    if tell is None:
        known = ", ".join(sorted(_TELLERS))
        raise EvergreenError(
            f"there is no alert for the event {kind!r}", fix=f"There are alerts for: {known}."
        )
    return tell(detail, _identity(kind, detail, event_id))


def _identity(kind: str, detail: Mapping[str, Any], event_id: str) -> str:
    """Return the id that two deliveries, or two events, of the same news share."""
    if "episode_id" in detail:
        return f"{detail['episode_id']}.{detail['episode_state']}"
    for name in ("decision_record", "execution"):
        if detail.get(name):
            return f"{kind}.{detail[name]}"
    return f"{kind}.{event_id}"


def _drift_detected(detail: Mapping[str, Any], identity: str) -> Alert:
    effects = detail["evidence"]["effects"]
    shown = [f"{name} {effect:.2f}" for name, effect in list(effects.items())[:_MOST_FEATURES]]
    more = len(detail["drifted_features"]) - len(shown)
    moved = ", ".join(shown) + (f" and {more} more" if shown and more > 0 else "")
    joint = detail["evidence"].get("joint")
    facts = [
        *([Fact("What moved (share of rows)", moved)] if moved else []),
        *(
            [
                Fact(
                    "All features together",
                    f"told from the reference with accuracy {joint['accuracy']:.3f}, "
                    f"limit {joint['threshold']:.3f}",
                )
            ]
            if joint
            else []
        ),
    ]
    return _of_episode(detail, identity, "data drift detected", facts)


def _degraded(detail: Mapping[str, Any], identity: str) -> Alert:
    measured = detail["evidence"]["performance"]
    fact = Fact(
        measured["metric"].upper(),
        f"{measured['value']:.4g} on {measured['labelled_rows']:,} labelled rows, "
        f"{measured['promoted']:.4g} at promotion",
    )
    return _of_episode(detail, identity, "performance degraded", [fact])


def _of_episode(detail: Mapping[str, Any], identity: str, what: str, facts: list[Fact]) -> Alert:
    model = detail["model"]
    if detail["start_retraining"]:
        todo = "A retraining has started. Another message will tell you its result."
    else:
        todo = (
            "No retraining was started, for the reason above. Read the report. To start one "
            f"anyway: evergreen retrain {model}"
        )
    window = f"{_time(detail['window_start'])} to {_time(detail['window_end'])}"
    return Alert(
        id=identity,
        severity=detail["severity"],
        title=f"{model}: {what}",
        says=_sentence(detail["reason"]),
        facts=(
            *facts,
            Fact("Window", f"{window}, {detail['rows']:,} rows"),
            Fact("Version", str(detail["model_version"])),
            Fact("Since", _time(detail["since"])),
        ),
        todo=todo,
        report=detail.get("report"),
    )


def _over(what: str) -> Callable[[Mapping[str, Any], str], Alert]:
    def tell(detail: Mapping[str, Any], identity: str) -> Alert:
        replaced = detail["ended_by"] == "new_version"
        return Alert(
            id=identity,
            severity="info",
            title=f"{detail['model']}: {what}",
            says=(
                f"Version {detail['model_version']}, which had it, has been replaced."
                if replaced
                else "Each window length that showed it now has a newer window without it."
            ),
            facts=(
                Fact("Version", str(detail["model_version"])),
                Fact("Lasted", f"{_time(detail['since'])} to {_time(detail['ended_at'])}"),
            ),
            todo="You need to do nothing.",
            report=detail.get("report"),
        )

    return tell


def _failed(detail: Mapping[str, Any], identity: str) -> Alert:
    return Alert(
        id=identity,
        severity="critical",
        title=f"{detail['model']}: retraining failed",
        says=f"{detail['reason']}: {_short(detail.get('message'))}",
        facts=_known(Fact("Execution", _name(detail.get("execution")))),
        todo=(
            "The version in production still serves. Open the execution in Step Functions and "
            f"repair what its red state names. Then run: evergreen retrain {detail['model']}"
        ),
    )


def _decided(
    what: str, severity: AlertSeverity, todo: str
) -> Callable[[Mapping[str, Any], str], Alert]:
    def tell(detail: Mapping[str, Any], identity: str) -> Alert:
        model, version = detail["model"], detail["challenger"]
        return Alert(
            id=identity,
            severity=severity,
            title=f"{model}: version {version} {what}",
            says=_sentence(_short(detail.get("reason")) or f"Version {version} {what}"),
            facts=_known(
                Fact("Previous version", str(detail.get("champion") or "")),
                Fact(str(detail.get("metric", "")).upper(), _scores(detail)),
                Fact("Execution", _name(detail.get("execution"))),
            ),
            todo=todo.format(model=model),
        )

    return tell


def _scores(detail: Mapping[str, Any]) -> str:
    new, old = detail.get("metric_challenger"), detail.get("metric_champion")
    if not isinstance(new, (int, float)):
        return ""
    against = f", {old:.4g} for the previous version" if isinstance(old, (int, float)) else ""
    return f"{new:.4g}{against}"


def _known(*facts: Fact) -> tuple[Fact, ...]:
    return tuple(fact for fact in facts if fact.name and fact.value)


def _name(arn: object) -> str:
    return str(arn or "").rpartition(":")[2]


def _time(text: str) -> str:
    return f"{from_text(text):%Y-%m-%d %H:%M} UTC"


def _short(value: object) -> str:
    text = str(value or "")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


_TELLERS: Mapping[str, Callable[[Mapping[str, Any], str], Alert]] = {
    EventType.DATA_DRIFT_DETECTED: _drift_detected,
    EventType.PERFORMANCE_DEGRADED: _degraded,
    EventType.DRIFT_CLEARED: _over("drift has cleared"),
    EventType.PERFORMANCE_RECOVERED: _over("performance has recovered"),
    EventType.RETRAINING_FAILED: _failed,
    EventType.MODEL_PROMOTED: _decided(
        "is in production",
        "info",
        "You need to do nothing. To go back to the previous version: evergreen rollback {model}",
    ),
    EventType.CHALLENGER_REJECTED: _decided(
        "was not better", "info", "You need to do nothing: the champion still serves."
    ),
    EventType.MODEL_ROLLED_BACK: _decided(
        "serves again",
        "warning",
        "Find out what was wrong with the version that was removed: evergreen history {model}",
    ),
}
ALERTED = tuple(EventType(kind) for kind in _TELLERS)
"""The events that become alerts."""
