"""A model whose pipeline has a transformer and a function of its own, which ONNX cannot hold."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evergreen.bundle.sklearn_engine import to_frame
from evergreen.model_definition import ModelDefinition
from evergreen.training.onnx_export import export_bundle
from evergreen.training.trainer import load_trainer

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.bundle.content import Bundle
    from evergreen.columns import Columns

ROWS = 600
TOML = """
name = "fruit"
task = "classification"
target = "ripe"
serving = "sklearn"
[features]
size = { type = "float", nullable = true }
days = { type = "integer", min = 0, max = 9 }
colour = { type = "category" }
"""
DEFINITION = ModelDefinition.model_validate(
    {
        "name": "fruit",
        "task": "classification",
        "target": "ripe",
        "serving": "sklearn",
        "features": {
            "size": {"type": "float", "nullable": True},
            "days": {"type": "integer", "min": 0, "max": 9},
            "colour": {"type": "category"},
        },
    }
)
TRUSTED = frozenset({"evergreen_model_fruit.Scaled", "evergreen_model_fruit.squared"})
TRAINING = '''
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

FACTOR = 2.0


class Scaled(TransformerMixin, BaseEstimator):
    """Fills missing sizes by the mean of their days, which no transformer of a library does."""

    def fit(self, frame, target=None):
        self.means_ = frame.groupby("days")["size"].mean().to_dict()
        return self

    def transform(self, frame):
        filled = frame["size"].fillna(frame["days"].map(self.means_)).fillna(0.0)
        return (FACTOR * filled).to_numpy().reshape(-1, 1)


def squared(values):
    return np.asarray(values, dtype=float) ** 2


def train(features, target):
    columns = make_column_transformer(
        (Scaled(), ["size", "days"]),
        (FunctionTransformer(squared), ["days"]),
        (OneHotEncoder(handle_unknown="ignore"), ["colour"]),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(features, target)
'''


def columns(seed: int = 0, *, unseen: bool = False) -> Columns:
    random = np.random.default_rng(seed)
    size = random.normal(size=ROWS).astype(np.float32)
    size[random.random(ROWS) < 0.1] = np.nan
    colour = random.choice(["green", "red"], ROWS).astype(object)
    if unseen:
        colour[::7] = "never seen"
    return {
        "size": size,
        "days": random.integers(0, 10, ROWS).astype(np.float32),
        "colour": colour,
    }


def folder_of(path: Path, training: str = TRAINING) -> Path:
    """Write the model's folder below ``path``, and return it."""
    folder = path / "models" / "fruit"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.toml").write_text(TOML)
    (folder / "training.py").write_text(training)
    return folder


def fitted(folder: Path) -> Any:
    """Fit the folder's own code."""
    known = columns()
    late = np.nan_to_num(known["size"]) + 2 * (known["colour"] == "red") > 0.6
    target = pd.Series(np.where(late, "yes", "no").astype(object))
    return load_trainer(folder)(to_frame(known), target)


def exported(folder: Path, version: str = "1") -> tuple[Any, Bundle]:
    """Return the estimator and its bundle."""
    estimator = fitted(folder)
    return estimator, export_bundle(estimator, DEFINITION, columns(), version)


@cache
def rows_to_serve() -> Columns:
    return columns(5, unseen=True)
