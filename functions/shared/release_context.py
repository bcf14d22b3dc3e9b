"""Shared parts of the functions that promote and reject, and of the mirror of rollbacks."""

from __future__ import annotations

from functools import cache

from pydantic import BaseModel, ConfigDict, Field

from evergreen.aws import LONG
from evergreen.clock import utc_now
from evergreen.events import Events
from evergreen.release.context import ReleaseContext
from functions.shared import clients, tracking_settings
from functions.shared.tracking import open_registry


class Settings(tracking_settings.Settings):
    """Environment of a function whose decisions MLflow shows."""

    stage: str = Field(alias="EVERGREEN_STAGE")
    event_bus: str = Field(alias="EVERGREEN_EVENT_BUS")


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()


class JudgedChallenger(BaseModel):
    """The request: the evaluated challenger and the execution."""

    model_config = ConfigDict(frozen=True)

    model: str
    challenger: str
    execution: str | None = None


@cache
def release_context() -> ReleaseContext:
    """Return the release context: the places that a decision reads and writes."""
    environment = settings()
    return ReleaseContext(
        storage=clients.storage(environment.bucket, LONG),
        production=clients.production(environment.stage, LONG),
        registry=open_registry(environment),
        events=Events(environment.event_bus, clients.aws_client("events", LONG)),
        clock=utc_now,
    )
