"""What the describing function is told by its environment."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Environment of the function."""

    model_config = ConfigDict(frozen=True)

    stage: str = Field(alias="EVERGREEN_STAGE")
    bucket: str = Field(alias="EVERGREEN_BUCKET")
    models_folder: Path | None = Field(alias="EVERGREEN_MODELS", default=None)
    task_root: Path = Field(alias="LAMBDA_TASK_ROOT", default=Path())

    @property
    def models(self) -> Path:
        """Folder of the model definitions."""
        return self.models_folder or self.task_root / "models"


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.model_validate(dict(os.environ))
