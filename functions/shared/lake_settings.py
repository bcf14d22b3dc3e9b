"""Settings of the functions that need the deployment's stage, and its lake."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from functions.shared.environment import LakeEnvironment


class Settings(LakeEnvironment):
    """Environment of the function."""

    stage: str = Field(alias="EVERGREEN_STAGE")


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
