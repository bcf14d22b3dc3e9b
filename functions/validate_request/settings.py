"""Settings of the function that validates a retraining request."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from functions.shared.environment import ModelsEnvironment


class Settings(ModelsEnvironment):
    """Environment of the function."""

    sagemaker: bool = Field(alias="EVERGREEN_SAGEMAKER")
    """Whether this deployment can train with SageMaker."""


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
