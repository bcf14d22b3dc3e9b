"""Settings of the compaction function."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from functions.shared.environment import LakeEnvironment


class Settings(LakeEnvironment):
    """Environment of the function."""

    stage: str = Field(alias="EVERGREEN_STAGE")
    raw_retention_days: int = Field(alias="EVERGREEN_RAW_RETENTION_DAYS")
    optimizer_role: str | None = Field(alias="EVERGREEN_TABLE_OPTIMIZER_ROLE", default=None)
    """ARN of the role of Glue's table optimizers. Without it this function does their work."""


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
