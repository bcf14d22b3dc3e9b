"""A bundle and a model definition in folders, as `evergreen serve --bundle` takes them."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

from evergreen.bundle.store import save_bundle
from evergreen.model_definition import ModelDefinition
from evergreen.training.onnx_export import export_bundle
from tests.support.folder_bucket import Folder
from tests.support.trained_models import DEFINITION, TOML, bundle

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.bundle.interval import PredictionInterval

_WEIGHING = """\
name = "fruit"
task = "regression"
target = "weight"

[features]
size = { type = "float" }
"""


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


def weighing_variables(path: Path, interval: PredictionInterval) -> dict[str, str]:
    """Return the variables of a server whose answer is three times ``size``, with an interval."""
    definition = ModelDefinition.model_validate(tomllib.loads(_WEIGHING))
    size = np.arange(40, dtype=np.float32)
    estimator = LinearRegression().fit(pd.DataFrame({"size": size}), 3 * size.astype(float))
    bundle = export_bundle(estimator, definition, {"size": size}, "1")
    signature = bundle.signature.model_copy(update={"interval": interval})
    save_bundle(Folder(path), "fruit", replace(bundle, signature=signature))
    (path / "models" / "fruit").mkdir(parents=True)
    (path / "models" / "fruit" / "model.toml").write_text(_WEIGHING)
    return {
        "EVERGREEN_MODEL": "fruit",
        "EVERGREEN_MODELS": str(path / "models"),
        "EVERGREEN_VERSION": "1.2.3",
        "EVERGREEN_BUNDLE": str(path / "bundles" / "fruit" / "1"),
        "EVERGREEN_LOG_FOLDER": str(path / "log"),
    }
