"""A file is tried on the user's rows and on what the definition allows, before it may serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from onnx import helper

from evergreen.bundle.predictor import Predictor
from evergreen.datasets.schema import normalise, to_columns
from evergreen.datasets.splitting import split_rows
from evergreen.errors import BundleError, ModelDefinitionError
from evergreen.training.foreign.trial import import_onnx, require_expected
from tests.support.foreign_models import columns, definition, logits, network

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.model_definition import ModelDefinition

WORDS = ["fine", "late"]


def rows_of(model: ModelDefinition, labels: Any = None) -> pa.Table:
    rows = columns()
    words = np.where(logits(rows) > 0, "late", "fine") if labels is None else labels
    times = pd.date_range("2026-01-01", periods=200, freq="h", tz="UTC")
    table = pa.table({**rows, "late": words, "timestamp": times})
    return normalise(model, split_rows(model, table))


def test_it_answers_by_its_probabilities_with_ranges_of_the_reference(tmp_path: Path) -> None:
    model = definition()
    table = rows_of(model)
    imported = import_onnx(network(tmp_path / "m.onnx"), model, table, classes=WORDS)
    bundle = imported.bundles.serving
    assert imported.bundles.judged is bundle
    assert (bundle.signature.decides, bundle.signature.classes) == ("scores", ("fine", "late"))
    training = to_columns(model, table.slice(0, 100))
    assert bundle.signature.features[0].max == training["wind"].max()
    said = Predictor(bundle).predict(to_columns(model, table)).outputs
    assert said == table["late"].to_pylist()
    require_expected(bundle, model, table, table["late"].to_pylist())
    other = ["late"] * table.num_rows
    with pytest.raises(BundleError, match="at first fine for late"):
        require_expected(bundle, model, table, other)


def test_a_threshold_of_the_definition_decides(tmp_path: Path) -> None:
    model = definition(evaluation={"threshold": 0.9})
    table = rows_of(model)
    imported = import_onnx(network(tmp_path / "m.onnx"), model, table, classes=WORDS)
    said = Predictor(imported.bundles.serving).predict(to_columns(model, table)).outputs
    sure = 1 / (1 + np.exp(-logits(to_columns(model, table)))) >= 0.9
    assert said == np.where(sure, "late", "fine").tolist()
    assert any("evaluation.threshold = 0.9" in note for note in imported.notes)


def test_numbers_get_an_interval_and_ranges(tmp_path: Path) -> None:
    model = definition("regression", evaluation={"interval": 0.9})
    noise = np.random.default_rng(5).normal(size=200)
    table = rows_of(model, logits(columns()) + noise)
    bundle = import_onnx(network(tmp_path / "m.onnx", end="Identity"), model, table).bundles.serving
    assert bundle.signature.interval is not None
    assert 1.3 < bundle.signature.interval.radius < 2.1  # of a normal error 1.645
    assert bundle.signature.label_range is not None
    said = np.asarray(Predictor(bundle).predict(to_columns(model, table)).outputs)
    require_expected(bundle, model, table, (said * 1.0001).tolist())
    with pytest.raises(BundleError, match="of 200 rows get another answer"):
        require_expected(bundle, model, table, (said + 1).tolist())


def test_a_missing_value_that_the_definition_allows_must_have_an_answer(tmp_path: Path) -> None:
    features = {name: {"type": "float"} for name in ("wind", "a b")}
    model = definition(features={**features, "stops": {"type": "float", "nullable": True}})
    with pytest.raises(BundleError, match="stops may be missing, but the model fails on rows with"):
        import_onnx(network(tmp_path / "m.onnx"), model, rows_of(model), classes=WORDS)


def test_an_answer_that_depends_on_the_other_rows_is_refused(tmp_path: Path) -> None:
    model = definition("regression")
    mean = helper.make_node("ReduceMean", ["p"], ["mean"], axes=[0])
    minus = helper.make_node("Sub", ["p", "mean"], ["centred"])
    file = network(tmp_path / "m.onnx", end="Identity", extra=[mean, minus])
    import onnx  # noqa: PLC0415

    graph = onnx.load(file)
    graph.graph.output[0].name = "centred"
    onnx.save(graph, file)
    with pytest.raises(BundleError, match=r"20 of 20 rows get another answer alone .*model.eval"):
        import_onnx(file, model, rows_of(model, logits(columns())))


def test_what_only_training_can_do_is_refused(tmp_path: Path) -> None:
    file = network(tmp_path / "m.onnx")
    for more, message in (
        ({"serving": "sklearn"}, "an import is an ONNX file"),
        ({"evaluation": {"threshold": "tuned"}}, "nothing is trained here"),
    ):
        with pytest.raises(ModelDefinitionError, match=message):
            import_onnx(file, definition(**more), rows_of(definition()), classes=WORDS)
