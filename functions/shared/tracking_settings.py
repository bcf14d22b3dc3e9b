"""Settings of the functions that use the registry."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from functions.shared.environment import ModelsEnvironment


class Settings(ModelsEnvironment):
    """Environment of the function."""

    bucket: str = Field(alias="EVERGREEN_BUCKET")
    tracking_uri: str | None = Field(alias="MLFLOW_TRACKING_URI", default=None)
    """The MLflow server; None for the registry in the data bucket."""
    tracking_secret: str | None = Field(alias="MLFLOW_CREDENTIALS_SECRET", default=None)
    """The secret with user and password; None for a server without sign-in."""


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
