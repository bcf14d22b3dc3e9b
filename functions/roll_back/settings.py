"""Settings of the rollback function: it needs no registry."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from functions.shared import deployment_settings


class Settings(deployment_settings.Settings):
    """Environment of the function."""

    event_bus: str = Field(alias="EVERGREEN_EVENT_BUS")


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
