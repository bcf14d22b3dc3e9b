"""Settings of a function: a frozen model that reads the environment once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _words(value: object) -> object:
    return frozenset(value.split()) if isinstance(value, str) else value


class Environment(BaseModel):
    """Base of all settings: a field's alias is the name of its variable."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def read(cls) -> Self:
        """Read the process's environment.

        Raises
        ------
        pydantic.ValidationError
            If a variable is missing or wrong; the message names each of them.
        """
        return cls.model_validate(dict(os.environ))


class ModelsEnvironment(Environment):
    """Settings of a function that reads model definitions."""

    models_folder: Path | None = Field(alias="EVERGREEN_MODELS", default=None)
    task_root: Path | None = Field(alias="LAMBDA_TASK_ROOT", default=None)
    trusted_types: Annotated[frozenset[str], BeforeValidator(_words)] = Field(
        alias="EVERGREEN_TRUSTED_TYPES", default=frozenset()
    )
    """Types of models that scikit-learn serves, beyond those of the library's own list."""

    @property
    def models(self) -> Path:
        """Folder of the model definitions, by default the one packed with the function."""
        return self.models_folder or (self.task_root or Path()) / "models"

    @model_validator(mode="after")
    def _models_are_somewhere(self) -> Self:
        if self.models_folder is None and self.task_root is None:
            raise ValueError("set EVERGREEN_MODELS or LAMBDA_TASK_ROOT")
        return self


class LakeEnvironment(ModelsEnvironment):
    """Settings of a function that reads or writes the request log and the ground truth."""

    bucket: str = Field(alias="EVERGREEN_BUCKET")
    lake_catalog: str = Field(alias="EVERGREEN_LAKE_CATALOG")
    """``glue``, or the SQLAlchemy URI of a database."""
    lake_database: str = Field(alias="EVERGREEN_LAKE_DATABASE")
    """The namespace of the deployment's tables in the catalogue."""
