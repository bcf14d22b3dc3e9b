"""Scikit-learn serves what ONNX cannot hold, from a file that names each type before it loads."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skops.io
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer

from evergreen.bundle.content import Bundle, Signature, TrainedFeature
from evergreen.bundle.predictor import Predictor
from evergreen.bundle.sklearn_engine import require_trusted_types, to_frame
from evergreen.bundle.store import load_bundle, save_bundle
from evergreen.errors import BundleError, PredictionError
from evergreen.model_definition import ModelDefinition
from evergreen.production import ProductionPointer
from evergreen.training.onnx_export import export_bundle
from tests.support.fixed_clock import NOW
from tests.support.folder_bucket import Folder
from tests.support.own_transformers import (
    DEFINITION,
    TRAINING,
    TRUSTED,
    columns,
    exported,
    folder_of,
    rows_to_serve,
)

if TYPE_CHECKING:
    from pathlib import Path

MODULE = "evergreen_model_fruit"


def stored(path: Path, bundle: Bundle, trusted: frozenset[str] = TRUSTED) -> Bundle:
    """Save a bundle, forget its module as another process would, and load it."""
    storage = Folder(path)
    uri, sha256 = save_bundle(storage, "fruit", bundle)
    sys.modules.pop(MODULE, None)
    pointer = ProductionPointer(
        version=bundle.version,
        bundle_uri=uri,
        sha256=sha256,
        reference_dataset_id="d",
        promoted_at=NOW,
    )
    return load_bundle(storage, pointer, trusted)


def test_a_transformer_of_the_users_answers_as_scikit_learn_does(tmp_path: Path) -> None:
    estimator, bundle = exported(folder_of(tmp_path))
    predictor = Predictor(stored(tmp_path, bundle))
    rows, frame = rows_to_serve(), to_frame(rows_to_serve())
    answered = predictor.predict(rows)
    probabilities = estimator.predict_proba(frame)
    assert answered.outputs == estimator.predict(frame).tolist()
    assert answered.confidences == probabilities.max(axis=1).tolist()
    assert np.array_equal(np.asarray(predictor.probabilities(rows)), probabilities)
    assert MODULE not in sys.modules
    assert sorted(file.name for file in (tmp_path / "bundles" / "fruit" / "1").iterdir()) == [
        *("manifest.json", "model.skops", "signature.json", "training.py")
    ]


def test_two_versions_in_one_process_keep_their_own_code(tmp_path: Path) -> None:
    first, old = exported(folder_of(tmp_path))
    rows, frame = rows_to_serve(), to_frame(rows_to_serve())
    expected = first.predict_proba(frame)
    changed = TRAINING.replace("FACTOR = 2.0", "FACTOR = -3.0")
    _, new = exported(folder_of(tmp_path, changed), "2")
    # The parameters of the first version, with the code of the second, would say something else.
    mixed = Predictor(stored(tmp_path, replace(old, code=new.code)))
    predictors = [Predictor(stored(tmp_path, each)) for each in (old, new)]
    assert np.array_equal(np.asarray(predictors[0].probabilities(rows)), expected)
    assert not np.allclose(np.asarray(mixed.probabilities(rows)), expected)


def test_nothing_runs_that_the_deployment_does_not_trust(tmp_path: Path) -> None:
    _, bundle = exported(folder_of(tmp_path))
    marker = tmp_path / "ran"
    spying = replace(
        bundle,
        code=f"import pathlib\npathlib.Path({str(marker)!r}).touch()\n".encode()
        + (bundle.code or b""),
    )
    with pytest.raises(BundleError, match=r"does not trust evergreen_model_fruit\.Scaled, everg"):
        Predictor(stored(tmp_path, spying, frozenset()))
    with pytest.raises(BundleError, match=r"does not trust evergreen_model_fruit.squared"):
        Predictor(stored(tmp_path, spying, frozenset({"evergreen_model_fruit.Scaled"})))
    assert not marker.exists()
    Predictor(stored(tmp_path, spying))
    assert marker.exists()


def made_of(model: bytes, trusted: frozenset[str] = frozenset()) -> Bundle:
    signature = Signature(
        task="regression",
        target="y",
        serving="sklearn",
        features=(TrainedFeature(name="x", type="float"),),
    )
    return Bundle("1", signature, model, trusted=trusted)


def test_a_function_of_the_system_and_other_bytes_are_no_model() -> None:
    dangerous = skops.io.dumps(FunctionTransformer(os.system))
    with pytest.raises(BundleError, match=r"does not trust posix.system"):
        Predictor(made_of(dangerous))
    with pytest.raises(BundleError, match="not a file of skops"):
        Predictor(made_of(b"\x80\x04N."))
    missing = replace(made_of(dangerous), signature=made_of(b"").signature)
    with pytest.raises(BundleError, match=r"trusted_types in cdk\.json"):
        require_trusted_types(missing, frozenset(), "fruit")


def defined(task: str, **rest: Any) -> ModelDefinition:
    features = {"size": {"type": "float"}, "days": {"type": "integer"}}
    raw = {"name": "fruit", "task": task, "target": "ripe", "features": features}
    return ModelDefinition.model_validate({**raw, "serving": "sklearn", **rest})


@pytest.mark.parametrize(
    ("task", "make", "labels"),
    [
        ("regression", KernelRidge, None),
        ("classification", KNeighborsClassifier, np.array([False, True])),
        ("classification", KNeighborsClassifier, np.array([3, 5])),
        ("classification", RidgeClassifier, np.array([False, True])),
    ],
    ids=["numbers", "booleans", "integers", "booleans without probabilities"],
)
def test_every_kind_of_answer(tmp_path: Path, task: str, make: Any, labels: Any) -> None:
    known = {name: np.nan_to_num(columns()[name]) for name in ("size", "days")}
    value = known["size"] + known["days"] / 5
    target = value if labels is None else labels[(value > 1).astype(int)]
    estimator = make().fit(to_frame(known), target)
    bundle = export_bundle(estimator, defined(task), known, "1")
    assert (bundle.code, bundle.signature.serving) == (None, "sklearn")
    predictor = Predictor(stored(tmp_path, bundle, frozenset()))
    asked = {name: np.nan_to_num(columns(3)[name]) for name in known}
    expected = estimator.predict(to_frame(asked)).tolist()
    answered = predictor.predict(asked)
    assert answered.outputs == expected
    assert {type(each) for each in answered.outputs} == {type(each) for each in expected}
    assert (answered.confidences is None) == (make is not KNeighborsClassifier)


def test_what_fails_on_a_row_is_an_error_of_the_prediction(tmp_path: Path) -> None:
    _, bundle = exported(folder_of(tmp_path))
    rows = {name: values for name, values in rows_to_serve().items() if name != "days"}
    with pytest.raises(PredictionError, match="scikit-learn cannot predict"):
        Predictor(bundle).predict(rows)


def test_a_definition_that_serves_by_onnx_names_the_way(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    estimator, _ = exported(folder)
    by_onnx = DEFINITION.model_copy(update={"serving": "onnx"})
    with pytest.raises(BundleError, match=r'serving = "sklearn" in model\.toml serves them'):
        export_bundle(estimator, by_onnx, columns(), "1")
