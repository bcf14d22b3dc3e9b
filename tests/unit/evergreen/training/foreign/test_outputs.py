"""What a file of another framework answers comes out as that framework has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from lightgbm import LGBMClassifier
from onnx import TensorProto, helper
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from evergreen.bundle.content import Bundle, Signature, TrainedFeature
from evergreen.bundle.predictor import Predictor
from evergreen.errors import BundleError
from evergreen.training.foreign.inputs import read_foreign
from evergreen.training.foreign.outputs import ServedOutputs, settle_outputs
from tests.support.foreign_models import FEATURES, columns, definition, logits, network, tensor

if TYPE_CHECKING:
    from pathlib import Path

ROWS = columns()
TABLE = np.stack([ROWS[name] for name in FEATURES], axis=1)
LATE = logits(ROWS) > 0


def settled(
    file: Path, task: str, labels: list[Any], named: list[str] | None = None
) -> ServedOutputs:
    graph = read_foreign(file, definition(task))
    return settle_outputs(graph, definition(task), ROWS, [str(each) for each in labels], named)


def predictor(found: ServedOutputs, task: str = "classification") -> Predictor:
    signature = Signature(
        task=task,
        target="late",
        features=tuple(TrainedFeature(name=name, type="float") for name in FEATURES),
        classes=found.classes,
        class_type=found.class_type,
        probabilities=found.probabilities,
    )
    return Predictor(Bundle("1", signature, found.model))


@pytest.mark.parametrize(
    "labels",
    [LATE.astype(int), np.where(LATE, "late", "fine"), LATE.astype(int) * 8 + 2],
    ids=["0 and 1", "words", "2 and 10"],
)
def test_maps_of_lightgbm_become_probabilities_in_sorted_order(
    tmp_path: Path, labels: np.ndarray
) -> None:
    fitted: Any = LGBMClassifier(n_estimators=5, verbose=-1).fit(TABLE, labels)
    types = [("input", FloatTensorType([None, 3]))]
    onnx.save(convert_lightgbm(fitted, initial_types=types), tmp_path / "m.onnx")
    model = predictor(settled(tmp_path / "m.onnx", "classification", labels.tolist()))
    assert model.predict(ROWS).outputs == fitted.predict(TABLE).tolist()
    assert np.abs(model.probabilities(ROWS) - fitted.predict_proba(TABLE)).max() < 1e-6


def test_three_classes_of_scikit_learn_and_labels_alone(tmp_path: Path) -> None:
    labels = np.array(["cold", "mild", "warm"])[np.digitize(logits(ROWS), [-0.5, 1])]
    fitted = LogisticRegression().fit(TABLE, labels)
    onnx.save(to_onnx(fitted, TABLE[:1], options={"zipmap": False}), tmp_path / "m.onnx")
    model = predictor(settled(tmp_path / "m.onnx", "classification", labels.tolist()))
    assert model.predict(ROWS).outputs == fitted.predict(TABLE).tolist()
    assert np.abs(model.probabilities(ROWS) - fitted.predict_proba(TABLE)).max() < 1e-5
    graph = onnx.load(tmp_path / "m.onnx")
    del graph.graph.output[1:]
    onnx.save(graph, tmp_path / "m.onnx")
    found = settled(tmp_path / "m.onnx", "classification", labels.tolist())
    assert (found.probabilities, found.classes) == (False, ("cold", "mild", "warm"))
    assert predictor(found).predict(ROWS).outputs == fitted.predict(TABLE).tolist()


def test_the_probability_of_the_second_class_alone(tmp_path: Path) -> None:
    file = network(tmp_path / "m.onnx")
    late = np.where(LATE, "late", "on time").tolist()
    with pytest.raises(BundleError, match='--classes "late,on time"'):
        settled(file, "classification", late)
    found = settled(file, "classification", late, ["on time", "late"])
    assert found.classes == ("late", "on time")
    model = predictor(found)
    assert model.predict(ROWS).outputs == late
    expected = 1 / (1 + np.exp(-logits(ROWS)))
    scores = model.probabilities(ROWS)
    assert scores is not None
    assert np.abs(scores[:, 0] - expected).max() < 1e-6


def test_a_softmax_in_any_order_of_classes(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    file = network(tmp_path / "m.onnx", end="Softmax", weights=weights)
    names = np.array(["warm", "cold", "mild"])
    expected = names[(TABLE @ weights).argmax(axis=1)].tolist()
    found = settled(file, "classification", expected, names.tolist())
    assert found.classes == ("cold", "mild", "warm")
    assert predictor(found).predict(ROWS).outputs == expected


def test_numbers_in_any_shape(tmp_path: Path) -> None:
    for end, extra, outputs in (
        ("Identity", [], None),
        (
            "Identity",
            [
                helper.make_node("Flatten", ["p"], ["q"], axis=0),
                helper.make_node("Squeeze", ["q"], ["flat"]),
            ],
            [tensor("flat", TensorProto.FLOAT, "rows")],
        ),
    ):
        file = network(tmp_path / "m.onnx", end=end, extra=extra, outputs=outputs)
        answers = predictor(settled(file, "regression", []), "regression").predict(ROWS).outputs
        assert np.abs(np.asarray(answers) - logits(ROWS)).max() < 1e-5


def test_outputs_that_are_none_of_the_task_are_refused(tmp_path: Path) -> None:
    file = network(tmp_path / "m.onnx", end="Identity")
    late = np.where(LATE, "late", "fine").tolist()
    with pytest.raises(BundleError, match=r"output p is no probability.*a sigmoid as its last"):
        settled(file, "classification", late, ["fine", "late"])
    wide = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    network(file, end="Sigmoid", weights=wide)
    with pytest.raises(BundleError, match=r"sums of a row.*a softmax over the classes"):
        settled(file, "classification", late, ["fine", "late"])
    with pytest.raises(BundleError, match=r"p \(float32, shape \(200, 2\)\).*one number for each"):
        settled(file, "regression", [])
    network(file, extra=[helper.make_node("Foreign", ["p"], ["q"], domain="their.own")])
    with pytest.raises(BundleError, match="ONNX Runtime cannot run it"):
        settled(file, "regression", [])
