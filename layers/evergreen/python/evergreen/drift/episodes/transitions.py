"""Transitions of a model's episodes: the pure rules from one check to the next state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from evergreen.drift.episodes.state import (
    Episode,
    Episodes,
    Notice,
    NoticeKind,
    Track,
    WindowObservation,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from evergreen.drift.records import CheckContext
    from evergreen.events import EpisodeEnd, Severity, Trigger


@dataclass(frozen=True, slots=True)
class CheckFindings:
    """The result of one check, as far as it concerns the episodes.

    Parameters
    ----------
    context
        What was checked.
    now
        When the check had its result, which is later than its start.
    moved
        For each kind whether it moved. A kind with too few data is left out; it then neither begins
        nor ends an episode.
    severity
        The severity of each kind that moved.
    starts_retraining
        Whether the policy starts a retraining.
    scheduled
        The window lengths that are checked regularly.
    detail
        What the notices contain besides the episode.
    """

    context: CheckContext
    now: datetime
    moved: Mapping[Trigger, bool]
    severity: Mapping[Trigger, Severity] = field(default_factory=dict)
    starts_retraining: bool = False
    scheduled: Collection[timedelta] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Length of the window that was asked for in seconds."""
        return round(self.context.asked_length.total_seconds())


def next_episodes(before: Episodes, findings: CheckFindings) -> Episodes:
    """Return the state of the episodes after a check.

    An episode begins with the first window that moved. It ends when, for every window length in
    which it was found, a newer window of that length shows no drift. A length that no schedule uses
    counts only until its window has passed, because it may never be checked again. A check of
    another version ends the episodes of the previous version. A window that is older than the
    newest one of its length changes nothing.
    """
    context = findings.context
    if context.check_id == before.check_id:
        return before
    news: list[Notice] = []
    now = before
    if context.model_version != before.model_version:
        if before.checked_at is not None and context.timestamp <= before.checked_at:
            return before
        now, news = _of_new_version(before, findings)
    tracks = dict(now.tracks)
    for kind, moved in findings.moved.items():
        track = tracks.get(kind, Track())
        tracks[kind] = _observe(track, kind, findings, moved=moved)
        news += _news(track, tracks[kind], findings)
    return Episodes(
        model=context.model,
        model_version=context.model_version,
        check_id=context.check_id,
        checked_at=max(context.timestamp, before.checked_at or context.timestamp),
        tracks=tracks,
        outbox=(*before.outbox, *_with_retraining(news, findings)),
    )


def _of_new_version(before: Episodes, findings: CheckFindings) -> tuple[Episodes, list[Notice]]:
    tracks = {
        kind: Track(
            episode=_ended(track.open, findings.context, "new_version")
            if track.open
            else track.episode
        )
        for kind, track in before.tracks.items()
    }
    news = [
        notice
        for kind, track in before.tracks.items()
        for notice in _news(track, tracks[kind], findings)
    ]
    return before.model_copy(update={"tracks": tracks}), news


def _observe(track: Track, kind: Trigger, findings: CheckFindings, *, moved: bool) -> Track:
    context, length = findings.context, findings.length
    known = track.sightings.get(length)
    if known is not None and context.window_end < known.window_end:
        return track
    regular = {round(each.total_seconds()) for each in findings.scheduled} | {length}
    sightings = {
        each: sighting
        for each, sighting in track.sightings.items()
        if each in regular or _reaches(sighting, each, context.window_end)
    } | {length: WindowObservation(window_end=context.window_end, moved=moved)}
    episode = track.episode
    if track.open is None and moved:
        episode = Episode(
            id=f"{context.model}.{kind}.{context.check_id}",
            kind=kind,
            model=context.model,
            model_version=context.model_version,
            check_id=context.check_id,
            since=context.timestamp,
            severity=findings.severity.get(kind, "warning"),
        )
    elif track.open and not any(each.moved for each in sightings.values()):
        episode = _ended(track.open, context, "cleared")
    return Track(sightings=sightings, episode=episode)


def _reaches(sighting: WindowObservation, seconds: int, until: datetime) -> bool:
    return sighting.window_end + timedelta(seconds=seconds) > until


def _ended(episode: Episode, context: CheckContext, by: EpisodeEnd) -> Episode:
    end = {"ended_at": context.timestamp, "ended_by": by, "ended_check_id": context.check_id}
    return episode.model_copy(update=end)


def _news(before: Track, after: Track, findings: CheckFindings) -> list[Notice]:
    if after.open and not before.open:
        return [_notice("began", after.open, findings)]
    if before.open and not after.open and after.episode:
        return [_notice("ended", after.episode, findings)]
    return []


def _with_retraining(news: list[Notice], findings: CheckFindings) -> list[Notice]:
    """Mark exactly one notice to start the retraining, if the policy starts one."""
    if not findings.starts_retraining:
        return news
    first = next((at for at, each in enumerate(news) if each.news == "began"), None)
    if first is None:
        return [*news, _notice("retraining", None, findings, starts=True)]
    begun = news[first]
    starting = begun.model_copy(update={"detail": {**begun.detail, "start_retraining": True}})
    return [*news[:first], starting, *news[first + 1 :]]


def _notice(
    news: NoticeKind, episode: Episode | None, findings: CheckFindings, *, starts: bool = False
) -> Notice:
    context = findings.context
    return Notice(
        id=f"{episode.id if episode else context.check_id}/{news}",
        news=news,
        episode=episode,
        noted_at=findings.now,
        check_id=context.check_id,
        detail={**findings.detail, "start_retraining": starts},
    )
