"""Settings of the function that describes the API."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from functions.shared import deployment_settings


class Settings(deployment_settings.Settings):
    """Environment of the function."""

    version: str = Field(alias="EVERGREEN_VERSION")
    """The version of Evergreen that was deployed."""
    requests_shown: bool = Field(alias="EVERGREEN_REQUESTS_SHOWN", default=False)
    """Whether the status page may show the newest rows of the request log."""
    mlflow: str | None = Field(alias="EVERGREEN_MLFLOW", default=None)
    """Address of the MLflow server that people open, if there is one."""


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
