"""A version's answers on its holdout: kept as the log keeps later ones, beside its bundle."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evergreen.bundle.predictor import Predictions, Predictor
from evergreen.bundle.sharpness import Sharpness
from evergreen.bundle.store import delete_bundle, save_bundle
from evergreen.datasets.holdout_predictions import (
    holdout_key,
    is_of_another_fit,
    read_holdout_predictions,
    sharpness_of,
    to_holdout_file,
)
from evergreen.lake.records import read_prediction
from evergreen.model_definition import Evaluation, Feature, ModelDefinition
from tests.support.fixed_clock import NOW
from tests.support.log_records import request_records
from tests.support.trained_models import DEFINITION, bundle, training_columns

if TYPE_CHECKING:
    from evergreen.columns import Columns
    from tests.support.aws_in_process import Account

TIMES = pa.timestamp("us", tz="UTC")


def definition(task: Any) -> ModelDefinition:
    return ModelDefinition(name="m", task=task, target="y", features={"x": Feature(type="float")})


def rows(target: list[Any]) -> pa.Table:
    return pa.table({"timestamp": pa.array([NOW] * len(target), TIMES), "y": pa.array(target)})


def test_it_lies_beside_the_bundle_and_goes_with_it(aws: Account) -> None:
    storage = aws.storage()
    save_bundle(storage, DEFINITION.name, bundle())
    answers = to_holdout_file(definition("regression"), rows([1.0]), Predictions([2.0], None))
    storage.put(holdout_key(DEFINITION.name, "1"), answers)
    assert holdout_key(DEFINITION.name, "1") == "bundles/late_bus/1/holdout_predictions.parquet"
    found = read_holdout_predictions(storage, DEFINITION.name, "1")
    assert found is not None
    assert found.to_pylist() == [
        {"timestamp": NOW, "label": 1.0, "model_output": 2.0, "confidence": None}
    ]
    delete_bundle(storage, DEFINITION.name, "1")
    assert read_holdout_predictions(storage, DEFINITION.name, "1") is None


@pytest.mark.parametrize(
    ("outputs", "texts"), [([True, False], ["True", "False"]), ([1, 0], ["1", "0"])]
)
def test_a_class_is_the_text_that_log_and_ground_truth_have(outputs: Any, texts: list[str]) -> None:
    body = to_holdout_file(definition("classification"), rows(texts), Predictions(outputs, [1, 1]))
    found = pq.read_table(io.BytesIO(body))
    assert found["model_output"].to_pylist() == found["label"].to_pylist() == texts


@pytest.mark.parametrize(
    ("classes", "metric", "kept"),
    [(20, "f1", True), (21, "f1", False), (21, "brier", True)],
    ids=["few", "many", "many that are scored"],
)
def test_probabilities_are_kept_of_few_classes_or_where_they_are_scored(
    classes: int, metric: str, kept: bool
) -> None:
    names = tuple(f"c{number:02}" for number in range(classes))
    outputs: Any = ["c00"]
    said = Predictions(outputs, [1.0], [[1.0] + [0.0] * (classes - 1)], names)
    rule = Evaluation(metric=metric)
    model = definition("classification").model_copy(update={"evaluation": rule})
    found = pq.read_table(io.BytesIO(to_holdout_file(model, rows(["c00"]), said)))
    assert ("probabilities" in found.column_names) is kept


def first(columns: Columns, count: int) -> Columns:
    return {name: values[:count] for name, values in columns.items()}


def test_the_same_rows_served_give_the_same_answers_in_the_log() -> None:
    predictions = Predictor(bundle()).predict(first(training_columns(), 50))
    late = pa.table({"timestamp": pa.array([NOW] * 50, TIMES), "late": ["late"] * 50})
    kept = pq.read_table(io.BytesIO(to_holdout_file(DEFINITION, late, predictions)))
    records = request_records(
        timestamp=NOW,
        request_id="r",
        definition=DEFINITION,
        model_version="1",
        rows=[{}] * 50,
        outputs=predictions.outputs,
        confidences=predictions.confidences,
        metadata={"role": "champion"},
    )
    logged = pa.Table.from_pylist(
        [read_prediction(json.dumps(record).encode(), DEFINITION) for record in records]
    )
    assert logged["model_output"].to_pylist() == kept["model_output"].to_pylist()
    assert np.array_equal(logged["confidence"], kept["confidence"])


def test_nothing_held_out_is_a_file_without_rows() -> None:
    predictions = Predictor(bundle()).predict(first(training_columns(), 0))
    empty = pa.table({"timestamp": pa.array([], TIMES), "late": pa.array([], pa.string())})
    kept = pq.read_table(io.BytesIO(to_holdout_file(DEFINITION, empty, predictions)))
    assert kept.num_rows == 0
    assert kept.column_names == [
        *("timestamp", "label", "model_output", "confidence", "probabilities")
    ]


@pytest.mark.parametrize("refit", [False, True])
def test_the_file_says_whether_another_fit_serves(refit: bool) -> None:
    predictions = Predictor(bundle()).predict(first(training_columns(), 5))
    late = pa.table({"timestamp": pa.array([NOW] * 5, TIMES), "late": ["late"] * 5})
    file = to_holdout_file(DEFINITION, late, predictions, refit=refit)
    kept = pq.read_table(io.BytesIO(file))
    assert is_of_another_fit(kept) is is_of_another_fit(kept.slice(0, 2)) is refit
    assert not is_of_another_fit(kept.replace_schema_metadata(None))


def test_the_file_says_how_much_surer_the_fit_is_that_serves() -> None:
    predictions = Predictor(bundle()).predict(first(training_columns(), 5))
    late = pa.table({"timestamp": pa.array([NOW] * 5, TIMES), "late": ["late"] * 5})
    surer = Sharpness(1.25, 2)
    file = to_holdout_file(DEFINITION, late, predictions, refit=True, sharpness=surer)
    assert sharpness_of(pq.read_table(io.BytesIO(file))) == surer
    before = to_holdout_file(DEFINITION, late, predictions, refit=True)
    assert sharpness_of(pq.read_table(io.BytesIO(before))) is None
    assert sharpness_of(late) is None
