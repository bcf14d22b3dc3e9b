"""A bundle and a model definition in folders, as `evergreen serve --bundle` takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.bundle.store import save_bundle
from tests.support.folder_bucket import Folder
from tests.support.trained_models import DEFINITION, TOML, bundle

if TYPE_CHECKING:
    from pathlib import Path


def bundle_folder(path: Path, version: str = "1") -> Path:
    """Write a version's bundle below a folder; return the folder that has its files."""
    save_bundle(Folder(path), DEFINITION.name, bundle(version))
    return path / "bundles" / DEFINITION.name / version


def models_folder(path: Path) -> Path:
    """Write the model's definition below a folder, and return the folder of all models."""
    (path / "models" / DEFINITION.name).mkdir(parents=True)
    (path / "models" / DEFINITION.name / "model.toml").write_text(TOML)
    return path / "models"


def serving_variables(path: Path) -> dict[str, str]:
    """Return the variables of a server of version 1, with everything below a folder."""
    return {
        "EVERGREEN_MODEL": DEFINITION.name,
        "EVERGREEN_MODELS": str(models_folder(path)),
        "EVERGREEN_VERSION": "1.2.3",
        "EVERGREEN_BUNDLE": str(bundle_folder(path)),
        "EVERGREEN_LOG_FOLDER": str(path / "log"),
    }
