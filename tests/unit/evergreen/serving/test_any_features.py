"""Whatever their names and their number, features are trained on, exported and served."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from evergreen.bundle.predictor import Predictor, closed_categories
from evergreen.bundle.served import served_definition
from evergreen.model_definition import ModelDefinition
from evergreen.serving.requests import RequestReader
from evergreen.training.onnx_export import export_bundle

ROWS = 60
AWKWARD = ("a b", "class", "ünï", "x" * 200, "a_b", "天気", "it's", "f0", "semi;colon", "0")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (AWKWARD, ("a b", "ünï", "天気")),
        (tuple(f"measure {number}" for number in range(500)), ("measure 499",)),
        (("only",), ()),
        (("only",), ("only",)),
    ],
    ids=["awkward names", "500 features", "one number", "one category"],
)
def test_features_are_served(names: tuple[str, ...], words: tuple[str, ...]) -> None:
    random = np.random.default_rng(0)
    columns: dict[str, Any] = {
        name: random.choice(["red", "blüe"], ROWS).astype(object)
        if name in words
        else random.normal(size=ROWS).astype(np.float32)
        for name in names
    }
    definition = ModelDefinition.model_validate(
        {
            "name": "fruit",
            "task": "classification",
            "target": "ripe",
            "features": {
                name: {"type": "category" if name in words else "float"} for name in names
            },
        }
    )
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype="float32")
    numbers = [name for name in names if name not in words]
    encoded = ColumnTransformer(
        [("numbers", "passthrough", numbers), ("words", one_hot, list(words))]
    )
    model = Pipeline([("columns", encoded), ("tree", DecisionTreeClassifier(max_depth=4))])
    model.fit(pd.DataFrame(columns), random.choice(["yes", "no"], ROWS))
    bundle = export_bundle(model, definition, columns, "1")
    served = served_definition(definition, bundle.signature)
    reader = RequestReader(served, closed_categories(bundle.signature))
    rows = pd.DataFrame(columns).to_dict("records")
    request = reader.read(json.dumps({"instances": rows}).encode())
    answers = Predictor(bundle).predict(request.columns).outputs
    assert answers == model.predict(pd.DataFrame(columns)).tolist()
