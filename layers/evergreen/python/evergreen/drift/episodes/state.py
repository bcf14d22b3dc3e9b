"""Episodes: drift that lasts is one story with a beginning and an end, however often it is checked.

Per model there is one object that every check of it reads and conditionally replaces. It holds
what each window length was last seen to do, the episode of each kind, and an outbox: what is still
to be told. A notice is written together with the change it tells of and removed after it was
told, so a check that dies in between leaves it to the next one: told once at least, under an
episode id that stays the same, by which a receiver knows it again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from evergreen.clock import Moment
from evergreen.drift.log import Trigger
from evergreen.drift.policy.severity import Severity

if TYPE_CHECKING:
    from evergreen.storage import Storage

NoticeKind = Literal["began", "retraining", "ended"]
EpisodeEnd = Literal["cleared", "new_version"]
EpisodeState = Literal["none", "detected", "ongoing", "cleared"]
"""Of one kind after one check: nothing, begun by it, open since before, ended by it."""

ORPHANED = timedelta(seconds=30)
"""A notice this old was left behind: between writing and telling lie a few calls."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Episode(_Frozen):
    """One stretch of drift, or of worse performance, of one version of a model."""

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
    """Something that is still to be told."""

    id: str
    news: NoticeKind
    episode: Episode | None
    noted_at: Moment
    check_id: str
    detail: dict[str, Any]


class WindowObservation(_Frozen):
    """What the newest window of one length showed."""

    window_end: Moment
    moved: bool


class Track(_Frozen):
    """One kind: what each window length (in seconds) last showed, and the newest episode."""

    sightings: dict[int, WindowObservation] = {}
    episode: Episode | None = None

    @property
    def open(self) -> Episode | None:
        """The episode that goes on, if one does."""
        return self.episode if self.episode and self.episode.ended_at is None else None


class Episodes(_Frozen):
    """Where the episodes of one model stand."""

    model: str
    model_version: str = ""
    check_id: str = ""
    checked_at: Moment | None = None
    tracks: dict[Trigger, Track] = {}
    outbox: tuple[Notice, ...] = ()

    @property
    def open(self) -> tuple[Episode, ...]:
        """The episodes that go on."""
        return tuple(track.open for track in self.tracks.values() if track.open)

    def state(self, kind: Trigger) -> EpisodeState:
        """Return what the newest check made of one kind."""
        episode = self.tracks.get(kind, Track()).episode
        if episode is None:
            return "none"
        if episode.ended_at is None:
            return "detected" if episode.check_id == self.check_id else "ongoing"
        return "cleared" if episode.ended_check_id == self.check_id else "none"

    def due(self, check_id: str, now: datetime) -> tuple[Notice, ...]:
        """Return what this check is to tell: its own news, and what others left behind."""
        return tuple(
            each
            for each in self.outbox
            if each.check_id == check_id or now - each.noted_at >= ORPHANED
        )


def episodes_key(model: str) -> str:
    """Return the key of the object that holds a model's episodes."""
    return f"drift/episodes/{model}.json"


def read_episodes(storage: Storage, model: str) -> Episodes:
    """Return where a model's episodes stand; a model that was never checked has none."""
    found = storage.get(episodes_key(model))
    return Episodes(model=model) if found is None else Episodes.model_validate_json(found)
