"""Settings of the prediction function."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from functions.shared.environment import ModelsEnvironment


class Settings(ModelsEnvironment):
    """Environment of the function."""

    stage: str = Field(alias="EVERGREEN_STAGE")
    bucket: str = Field(alias="EVERGREEN_BUCKET")
    model: str = Field(alias="EVERGREEN_MODEL")
    request_stream: str = Field(alias="EVERGREEN_REQUEST_STREAM")
    label_stream: str = Field(alias="EVERGREEN_LABEL_STREAM")
    version: str = Field(alias="EVERGREEN_VERSION")
    """The version of Evergreen that was deployed."""


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
