"""What the clean-up function is told by its environment."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from functions.environment import Environment


class Settings(Environment):
    """Environment of the function."""

    stage: str = Field(alias="EVERGREEN_STAGE")
    bucket: str = Field(alias="EVERGREEN_BUCKET")
    event_bus: str = Field(alias="EVERGREEN_EVENT_BUS")
    tracking_uri: str = Field(alias="MLFLOW_TRACKING_URI")
    tracking_secret: str | None = Field(alias="MLFLOW_CREDENTIALS_SECRET", default=None)


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
