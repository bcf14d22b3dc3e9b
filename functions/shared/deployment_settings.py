"""Settings of the functions that need only the deployment's stage and bucket."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from functions.shared.environment import ModelsEnvironment


class Settings(ModelsEnvironment):
    """Environment of the function."""

    stage: str = Field(alias="EVERGREEN_STAGE")
    bucket: str = Field(alias="EVERGREEN_BUCKET")


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
