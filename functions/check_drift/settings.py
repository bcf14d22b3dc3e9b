"""What the drift function is told by its environment."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from evergreen.model_definition import Period


class Settings(BaseModel):
    """Environment of the function."""

    model_config = ConfigDict(frozen=True)

    stage: str = Field(alias="EVERGREEN_STAGE")
    bucket: str = Field(alias="EVERGREEN_BUCKET")
    event_bus: str = Field(alias="EVERGREEN_EVENT_BUS")
    models_folder: Path | None = Field(alias="EVERGREEN_MODELS", default=None)
    task_root: Path | None = Field(alias="LAMBDA_TASK_ROOT", default=None)
    cooldown: Period | None = Field(alias="EVERGREEN_COOLDOWN", default=None)
    """Overrides every model's ``retraining.cooldown`` in this deployment."""

    @property
    def models(self) -> Path:
        """Folder of the model definitions."""
        return self.models_folder or (self.task_root or Path()) / "models"

    @model_validator(mode="after")
    def _models_are_somewhere(self) -> Settings:
        if self.models_folder is None and self.task_root is None:
            raise ValueError("set EVERGREEN_MODELS or LAMBDA_TASK_ROOT")
        return self


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.model_validate(dict(os.environ))
