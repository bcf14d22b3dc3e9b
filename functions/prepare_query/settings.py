"""Settings of the function that prepares queries."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from functions.shared.environment import ModelsEnvironment


class Settings(ModelsEnvironment):
    """Environment of the function."""

    stage: str = Field(alias="EVERGREEN_STAGE")
    bucket: str = Field(alias="EVERGREEN_BUCKET")
    log_database: str = Field(alias="EVERGREEN_LOG_DATABASE")
    """Database of the Glue catalogue with the tables of the log."""
    query_database: str = Field(alias="EVERGREEN_QUERY_DATABASE")
    """Database with the table of used rows."""


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
