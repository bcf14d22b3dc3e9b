"""What the training function is told by its environment."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Settings(BaseModel):
    """Environment of the function."""

    model_config = ConfigDict(frozen=True)

    bucket: str = Field(alias="EVERGREEN_BUCKET")
    tracking_uri: str = Field(alias="MLFLOW_TRACKING_URI")
    tracking_secret: str | None = Field(alias="MLFLOW_CREDENTIALS_SECRET", default=None)
    models_folder: Path | None = Field(alias="EVERGREEN_MODELS", default=None)
    task_root: Path | None = Field(alias="LAMBDA_TASK_ROOT", default=None)

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
