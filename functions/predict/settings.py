"""Settings of the prediction function."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from functions.shared.environment import ModelsEnvironment

_OF_A_DEPLOYMENT = {
    "stage": "EVERGREEN_STAGE",
    "bucket": "EVERGREEN_BUCKET",
    "request_stream": "EVERGREEN_REQUEST_STREAM",
    "label_stream": "EVERGREEN_LABEL_STREAM",
}


class Settings(ModelsEnvironment):
    """Environment of the function, or of a server that serves a bundle from a folder."""

    model: str = Field(alias="EVERGREEN_MODEL")
    version: str = Field(alias="EVERGREEN_VERSION")
    """The version of Evergreen that was deployed."""
    stage: str = Field(alias="EVERGREEN_STAGE", default="")
    bucket: str = Field(alias="EVERGREEN_BUCKET", default="")
    request_stream: str = Field(alias="EVERGREEN_REQUEST_STREAM", default="")
    label_stream: str = Field(alias="EVERGREEN_LABEL_STREAM", default="")
    bundle: Path | None = Field(alias="EVERGREEN_BUNDLE", default=None)
    """The folder of the bundle that serves, instead of the one that the production pointer names;
    then request log and labels are files below ``log_folder``."""
    log_folder: Path | None = Field(alias="EVERGREEN_LOG_FOLDER", default=None)
    ground_truth_key_id: str | None = Field(alias="EVERGREEN_GROUND_TRUTH_KEY_ID", default=None)
    """Id of the only API key with which ground truth may be sent; None if every key may."""

    @model_validator(mode="after")
    def _is_of_a_deployment_or_of_a_folder(self) -> Self:
        if self.bundle is not None:
            if self.log_folder is None:
                raise ValueError("EVERGREEN_BUNDLE needs EVERGREEN_LOG_FOLDER")
            return self
        missing = [alias for name, alias in _OF_A_DEPLOYMENT.items() if not getattr(self, name)]
        if missing:
            raise ValueError(f"set {', '.join(missing)}, or EVERGREEN_BUNDLE")
        return self


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
