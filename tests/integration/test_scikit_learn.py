"""A deployed function serves what ONNX cannot hold, then a version for ONNX, and goes back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pandas as pd
import pytest

from cli.shared.deployment_plan import models_of_sklearn
from cli.shared.examples import MODELS
from evergreen.bundle.store import delete_bundle, save_bundle
from evergreen.clock import utc_now
from evergreen.model_definition import ModelDefinition, find_definition
from evergreen.production import Production, ProductionPointer
from evergreen.training.onnx_export import export_bundle
from evergreen.training.trainer import load_trainer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.shared.target import Target
    from evergreen.columns import Columns

MODEL = "flight_duration"
PATIENCE = 90
TRAINING = """
import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

def rounded(values):
    return np.round(values, -2)

def train(features, target):
    numbers = ColumnTransformer([("distance", FunctionTransformer(rounded), ["distance"])])
    return make_pipeline(numbers, LinearRegression()).fit(features, target)
"""
PLAIN = TRAINING.replace("FunctionTransformer(rounded)", '"passthrough"')


def columns(definition: ModelDefinition) -> Columns:
    random = np.random.default_rng(5)
    found: Columns = {}
    for name, feature in definition.features.items():
        words = random.choice(["AA", "BB", "CC"], 200).astype(object)
        numbers = random.integers(1, 900, 200).astype(np.float32)
        found[name] = numbers if feature.is_numeric else words
    return found


@pytest.fixture
def serve(deployed: Target, tmp_path: Path) -> Iterator[Any]:
    production = Production(deployed.stage, deployed.client("ssm"))
    assert production.read(MODEL) is None, "this would replace the model in production"
    written: list[str] = []

    def put(version: str, serving: str, training: str, previous: str | None) -> Any:
        definition = find_definition(MODELS, MODEL).model_copy(update={"serving": serving})
        folder = tmp_path / version / MODEL
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "training.py").write_text(training)
        rows = columns(definition)
        target = pd.Series(rows["distance"] / 7.0)
        model = load_trainer(folder)(pd.DataFrame(rows), target)
        bundle = export_bundle(model, definition, rows, version)
        uri, sha256 = save_bundle(deployed.storage, MODEL, bundle)
        written.append(version)
        pointer = ProductionPointer(
            version=version,
            bundle_uri=uri,
            sha256=sha256,
            reference_dataset_id="made-up",
            promoted_at=utc_now(),
            previous=previous,
        )
        production.write(MODEL, pointer)
        return model

    yield put
    deployed.client("ssm").delete_parameter(Name=production.parameter(MODEL))
    for version in written:
        delete_bundle(deployed.storage, MODEL, version)


def answers(deployed: Target, version: str) -> list[float]:
    """Return the answers of a version, as soon as the API gives them."""
    rows = columns(find_definition(MODELS, MODEL))
    sent = {name: values[:20].tolist() for name, values in rows.items()}
    url = f"{deployed.api_url}/models/{MODEL}/predict"
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = httpx.post(
            url, json={"inputs": sent}, headers={"x-api-key": deployed.api_key}, timeout=60
        )
        found = answer.json()
        if answer.status_code == 200 and found["model_version"] == version:
            predictions: list[float] = found["predictions"]
            return predictions
        assert time.monotonic() < deadline, answer.text
        time.sleep(1)


def test_scikit_learn_serves_then_onnx_and_scikit_learn_again(deployed: Target, serve: Any) -> None:
    rows = pd.DataFrame(columns(find_definition(MODELS, MODEL))).iloc[:20]
    own = serve("by-sklearn", "sklearn", TRAINING, None)
    assert answers(deployed, "by-sklearn") == pytest.approx(own.predict(rows).tolist())
    plain = serve("by-onnx", "onnx", PLAIN, "by-sklearn")
    assert answers(deployed, "by-onnx") == pytest.approx(plain.predict(rows).tolist(), rel=1e-4)
    # A rollback may need it, so the next deployment leaves scikit-learn where it is.
    definitions = {MODEL: find_definition(MODELS, MODEL)}
    assert models_of_sklearn(deployed, definitions) == [MODEL]
    serve("by-sklearn", "sklearn", TRAINING, "by-onnx")
    assert answers(deployed, "by-sklearn") == pytest.approx(own.predict(rows).tolist())
