"""The state of a model's drift episodes.

An episode lasts from the check that finds drift to the check that no longer does, however many
checks lie between. Each model has one state object, which every check reads and replaces by
conditional write. It holds the newest result of each window length, the episode of each kind, and
an outbox of notices that are not sent yet. A notice is written together with the change that it
reports, and removed after it was sent. If a check dies in between, the next check sends the notice.
So every notice is sent at least once. The episode id stays the same, so a receiver can recognise a
repeated notice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from evergreen.clock import Moment
from evergreen.events import EpisodeEnd, EpisodeState, Severity, Trigger

if TYPE_CHECKING:
    from evergreen.storage import Storage

NoticeKind = Literal["began", "retraining", "ended"]

ORPHANED = timedelta(seconds=30)
"""Age at which a notice counts as left behind. Normally it is sent a few calls after it was
written."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Episode(_Frozen):
    """A period of drift, or of degraded performance, of one version of a model."""

    id: str
    kind: Trigger
    model: str
    model_version: str
    check_id: str
    """The check that found it."""
    since: Moment
    severity: Severity
    ended_at: Moment | None = None
    ended_by: EpisodeEnd | None = None
    ended_check_id: str | None = None


class Notice(_Frozen):
    """A notice in the outbox that is not sent yet."""

    id: str
    news: NoticeKind
    episode: Episode | None
    noted_at: Moment
    check_id: str
    detail: dict[str, Any]


class WindowObservation(_Frozen):
    """The result of the newest window of one length."""

    window_end: Moment
    moved: bool


class Track(_Frozen):
    """State of one kind: the newest result by window length in seconds, and the newest episode."""

    sightings: dict[int, WindowObservation] = {}
    episode: Episode | None = None

    @property
    def open(self) -> Episode | None:
        """The open episode, if there is one."""
        return self.episode if self.episode and self.episode.ended_at is None else None


class Episodes(_Frozen):
    """The state of the episodes of one model."""

    model: str
    model_version: str = ""
    check_id: str = ""
    checked_at: Moment | None = None
    tracks: dict[Trigger, Track] = {}
    outbox: tuple[Notice, ...] = ()

    @property
    def open(self) -> tuple[Episode, ...]:
        """The open episodes."""
        return tuple(track.open for track in self.tracks.values() if track.open)

    def state(self, kind: Trigger) -> EpisodeState:
        """Return the state of one kind after the newest check."""
        episode = self.tracks.get(kind, Track()).episode
        if episode is None:
            return "none"
        if episode.ended_at is None:
            return "detected" if episode.check_id == self.check_id else "ongoing"
        return "cleared" if episode.ended_check_id == self.check_id else "none"

    def due(self, check_id: str, now: datetime) -> tuple[Notice, ...]:
        """Return the notices that this check must send: its own, and those left by others."""
        return tuple(
            each
            for each in self.outbox
            if each.check_id == check_id or now - each.noted_at >= ORPHANED
        )


def episodes_key(model: str) -> str:
    """Return the key of the object that holds a model's episodes."""
    return f"drift/episodes/{model}.json"


def read_episodes(storage: Storage, model: str) -> Episodes:
    """Return the state of a model's episodes; a model that was never checked has none."""
    found = storage.get(episodes_key(model))
    return Episodes(model=model) if found is None else Episodes.model_validate_json(found)
