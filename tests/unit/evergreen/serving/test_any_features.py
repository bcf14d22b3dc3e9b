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

from evergreen.bundle.predictor import Predictor
from evergreen.bundle.served import accepted_categories, served_definition
from evergreen.errors import RequestError
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
    reader = RequestReader(served, accepted_categories(served, bundle.signature))
    rows = pd.DataFrame(columns).to_dict("records")
    request = reader.read(json.dumps({"instances": rows}).encode())
    answers = Predictor(bundle).predict(request.columns).outputs
    assert answers == model.predict(pd.DataFrame(columns)).tolist()


def test_a_listed_category_is_taken_without_training_and_another_is_refused_or_counted() -> None:
    words = np.array(["red", "blue"] * 30, dtype=object)
    model = Pipeline(
        [
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False)),
            ("tree", DecisionTreeClassifier()),
        ]
    ).fit(pd.DataFrame({"colour": words}), words == "red")

    def reader(**more: str) -> RequestReader:
        feature = {"type": "category", "known": ["red", "blue", "green"], **more}
        definition = ModelDefinition.model_validate(
            {"name": "fruit", "task": "classification", "target": "ripe"}
            | {"features": {"colour": feature}}
        )
        bundle = export_bundle(model, definition, {"colour": words}, "1")
        served = served_definition(definition, bundle.signature)
        return RequestReader(served, accepted_categories(served, bundle.signature))

    rows = {"instances": [{"colour": "green"}, {"colour": "violet"}]}
    body = json.dumps(rows).encode()
    assert reader(unknown="count").read(body).columns["colour"].tolist() == ["green", "violet"]
    with pytest.raises(RequestError) as refused:
        reader().read(body)
    [fault] = refused.value.fields
    assert fault.path == "instances[1].colour"
    assert fault.message == "must be a category that the model takes: blue, green, red"
