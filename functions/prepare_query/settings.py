"""Settings of the function that prepares queries."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from functions.shared.environment import LakeEnvironment


class Settings(LakeEnvironment):
    """Environment of the function."""

    stage: str = Field(alias="EVERGREEN_STAGE")
    query_database: str = Field(alias="EVERGREEN_QUERY_DATABASE")
    """Database with the table of used rows."""


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
