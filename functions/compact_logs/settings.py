"""Settings of the compaction function."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from functions.shared.environment import ModelsEnvironment


class Settings(ModelsEnvironment):
    """Environment of the function."""

    bucket: str = Field(alias="EVERGREEN_BUCKET")
    raw_retention_days: int = Field(alias="EVERGREEN_RAW_RETENTION_DAYS")


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
