"""What the compaction function is told by its environment."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Environment of the function."""

    model_config = ConfigDict(frozen=True)

    bucket: str = Field(alias="EVERGREEN_BUCKET")
    task_root: Path = Field(alias="LAMBDA_TASK_ROOT")

    @property
    def models(self) -> Path:
        """Folder of the model definitions."""
        return self.task_root / "models"


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.model_validate(dict(os.environ))
