"""Settings of the drift function."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from evergreen.model_definition import Period
from functions.shared.environment import LakeEnvironment


class Settings(LakeEnvironment):
    """Environment of the function."""

    stage: str = Field(alias="EVERGREEN_STAGE")
    event_bus: str = Field(alias="EVERGREEN_EVENT_BUS")
    cooldown: Period | None = Field(alias="EVERGREEN_COOLDOWN", default=None)
    """Overrides every model's ``retraining.cooldown`` in this deployment."""


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
