"""A small fitted model, for tests of the steps after training."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from evergreen.bundle.store import save_bundle
from evergreen.model_definition import ModelDefinition
from evergreen.production import Production, ProductionPointer
from evergreen.training.onnx_export import export_bundle
from tests.support.fixed_clock import NOW

if TYPE_CHECKING:
    from evergreen.bundle.content import Bundle
    from evergreen.columns import Columns
    from evergreen.storage import Storage

TOML = """\
name = "late_bus"
task = "classification"
target = "late"

[features]
wind = { type = "float", min = -3, max = 3, nullable = true }
stops = { type = "integer", min = 0, max = 40 }
line = { type = "category", nullable = true }
express = { type = "boolean" }
"""
DEFINITION = ModelDefinition.model_validate(
    {
        "name": "late_bus",
        "task": "classification",
        "target": "late",
        "features": {
            "wind": {"type": "float", "min": -3, "max": 3, "nullable": True},
            "stops": {"type": "integer", "min": 0, "max": 40},
            "line": {"type": "category", "nullable": True},
            "express": {"type": "boolean"},
        },
    }
)
ROW: dict[str, Any] = {"wind": 0.5, "stops": 12, "line": "U1", "express": False}


@cache
def training_columns() -> Columns:
    random = np.random.default_rng(7)
    rows = 2000
    wind = random.normal(size=rows).astype(np.float32)
    wind[random.random(rows) < 0.1] = np.nan
    return {
        "wind": wind,
        "stops": random.integers(0, 40, rows).astype(np.float32),
        "line": random.choice(["U1", "U2", "S7", ""], rows).astype(object),
        "express": (random.random(rows) < 0.3).astype(np.float32),
    }


@cache
def signal() -> np.ndarray:
    columns = training_columns()
    noise = np.random.default_rng(8).normal(size=2000) * 0.2
    on_line = np.where(columns["line"] == "U1", 0.8, 0.0)
    return np.nan_to_num(columns["wind"]) + columns["stops"] / 20 - 1 + on_line + noise


def frame(columns: Columns) -> pd.DataFrame:
    return pd.DataFrame(columns)


@cache
def pipeline(seed: int = 0) -> Pipeline:
    labels = np.where(signal() > 0.3, "late", "on time").astype(object)
    columns = ColumnTransformer(
        [
            ("numbers", "passthrough", ["wind", "stops", "express"]),
            ("lines", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["line"]),
        ]
    )
    trees = HistGradientBoostingClassifier(max_iter=10 + seed, random_state=seed)
    steps = Pipeline([("columns", columns), ("trees", trees)])
    return steps.fit(frame(training_columns()), labels)


@cache
def bundle(version: str = "1") -> Bundle:
    return export_bundle(pipeline(int(version)), DEFINITION, training_columns(), version)


def promote(
    storage: Storage,
    production: Production,
    version: str = "1",
    *,
    of: Pipeline | None = None,
    **changes: Any,
) -> ProductionPointer:
    own = of and export_bundle(of, DEFINITION, training_columns(), version)
    uri, sha256 = save_bundle(storage, DEFINITION.name, own or bundle(version))
    pointer = ProductionPointer(
        version=version,
        bundle_uri=uri,
        sha256=sha256,
        reference_dataset_id="ds-1",
        promoted_at=NOW + timedelta(minutes=int(version)),
        metric=0.75,
    ).model_copy(update=changes)
    production.write(DEFINITION.name, pointer)
    return pointer
