"""Settings of the evaluation function."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from functions.shared import tracking_settings


class Settings(tracking_settings.Settings):
    """Environment of the function."""

    stage: str = Field(alias="EVERGREEN_STAGE")


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
