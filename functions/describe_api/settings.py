"""Settings of the function that describes the API."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from functions.shared import deployment_settings


class Settings(deployment_settings.Settings):
    """Environment of the function."""

    version: str = Field(alias="EVERGREEN_VERSION")
    """The version of Evergreen that was deployed."""


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
