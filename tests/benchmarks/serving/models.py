"""The three models of the benchmark: 25 features, 5 of them categories, on made-up rows."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.model_definition import ModelDefinition
from tests.benchmarks.serving.stub import MODEL

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from evergreen.columns import Columns

MODELS = ("logistic", "forest", "boosting")
NUMBERS = [f"number_{place}" for place in range(20)]
CATEGORIES = [f"category_{place}" for place in range(5)]
NAMES = [*NUMBERS, *CATEGORIES]
NAME = MODEL
"""The name under which each of them is served."""
_WORDS = ("alpha", "beta", "gamma", "delta", "epsilon")
_TRAINING_ROWS = 4000

DEFINITION = ModelDefinition.model_validate(
    {
        "name": NAME,
        "task": "classification",
        "target": "late",
        "features": {
            **{name: {"type": "float", "min": -1000, "max": 1000} for name in NUMBERS},
            **{name: {"type": "category"} for name in CATEGORIES},
        },
    }
)


def rows(number: int) -> list[dict[str, Any]]:
    """Return made-up rows, the same at each call."""
    chance = random.Random(number)
    return [
        {name: round(chance.gauss(100, 30), 3) for name in NUMBERS}
        | {name: chance.choice(_WORDS) for name in CATEGORIES}
        for _ in range(number)
    ]


def model_toml() -> str:
    """Return the definition as a user writes it."""
    numbers = [f'{name} = {{ type = "float", min = -1000, max = 1000 }}' for name in NUMBERS]
    words = [f'{name} = {{ type = "category" }}' for name in CATEGORIES]
    head = [f'name = "{NAME}"', 'task = "classification"', 'target = "late"', "", "[features]"]
    return "\n".join([*head, *numbers, *words]) + "\n"


@cache
def training_columns() -> Columns:
    """Return the rows of training by column."""
    made = rows(_TRAINING_ROWS)
    numbers = {n: np.array([row[n] for row in made], dtype=np.float32) for n in NUMBERS}
    words = {n: np.array([row[n] for row in made], dtype=object) for n in CATEGORIES}
    return numbers | words


def fitted(model: str) -> Pipeline:
    """Return one of :data:`MODELS`, trained."""
    import pandas as pd  # noqa: PLC0415 - no measured process needs scikit-learn
    from sklearn.compose import ColumnTransformer  # noqa: PLC0415
    from sklearn.ensemble import (  # noqa: PLC0415
        HistGradientBoostingClassifier,
        RandomForestClassifier,
    )
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import Pipeline  # noqa: PLC0415
    from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: PLC0415

    estimators = {
        "logistic": LogisticRegression(max_iter=1000),
        "forest": RandomForestClassifier(n_estimators=100, max_depth=10, random_state=0),
        "boosting": HistGradientBoostingClassifier(max_iter=100, random_state=0),
    }
    columns = training_columns()
    chance = np.random.default_rng(8)
    signal = sum(columns[name] - 100 for name in NUMBERS[:5]) / 60
    signal = signal + np.where(columns["category_0"] == "alpha", 1.0, 0.0)
    noise = chance.normal(size=_TRAINING_ROWS)
    labels = np.where(signal + noise > 0, "late", "on time").astype(object)
    encoded = ColumnTransformer(
        [
            ("numbers", StandardScaler(), NUMBERS),
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), CATEGORIES),
        ]
    )
    steps = Pipeline([("columns", encoded), ("estimator", estimators[model])])
    return steps.fit(pd.DataFrame(columns), labels)
