from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier

from evergreen.errors import ModelDefinitionError, NotEnoughDataError
from evergreen.model_definition import Feature, ModelDefinition
from evergreen.training.trainer import fit, load_trainer, to_features, to_target

if TYPE_CHECKING:
    from pathlib import Path

# MLflow warns about its own type hints while it is being imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")

CLASSIFICATION = ModelDefinition(
    name="fruit",
    task="classification",
    target="ripe",
    features={"size": Feature(type="float"), "colour": Feature(type="category", nullable=True)},
)


def table_of(ripe: list[Any], split: list[str] | None = None) -> pa.Table:
    count = len(ripe)
    return pa.table(
        {
            "colour": pa.array(["red", None] * count, pa.string())[:count],
            "size": pa.array(range(count), pa.float64()),
            "ripe": ripe,
            "split": split or ["train"] * count,
        }
    )


def test_estimators_see_the_encoding_that_serving_has() -> None:
    frame = to_features(CLASSIFICATION, table_of(["1", "0", "1"]))
    assert list(frame.columns) == ["size", "colour"]
    assert frame.dtypes.astype(str).to_dict() == {"size": "float32", "colour": "object"}
    assert frame["colour"].tolist() == ["red", "", "red"]


@pytest.mark.parametrize(
    "values",
    [[0, 1, 1], [-3, 0, 12], [True, False], ["no", "yes"], ["01", "1"], ["1", "two"], ["--1"]],
)
def test_labels_get_back_the_type_they_were_given_in(values: list[Any]) -> None:
    target = to_target(CLASSIFICATION, table_of([str(value) for value in values]))
    assert target.tolist() == values
    assert {type(value) for value in target.tolist()} == {type(values[0])}


@given(st.lists(st.text(max_size=5) | st.integers().map(str), min_size=1, max_size=5))
def test_a_label_is_the_same_text_after_it_got_its_type(texts: list[str]) -> None:
    target = to_target(CLASSIFICATION, table_of(texts))
    assert [str(value) for value in target.tolist()] == texts


def test_a_regression_has_numbers() -> None:
    regression = CLASSIFICATION.model_copy(update={"task": "regression"})
    target = to_target(regression, table_of([0.5, 2.0]))
    assert target.dtype == np.float64


def test_only_the_rows_for_training_are_fitted_on() -> None:
    seen = []

    def train(features: pd.DataFrame, target: pd.Series) -> Any:
        seen.append((features["size"].tolist(), target.tolist()))
        return DummyClassifier().fit(features, target)

    splits = ["train", "holdout", "train", "holdout"]
    fit(CLASSIFICATION, train, table_of(["1", "1", "0", "0"], splits))
    assert seen == [([0.0, 2.0], [1, 0])]


@pytest.mark.parametrize(
    ("ripe", "split", "message"),
    [
        (["1", "0"], ["holdout", "holdout"], "no rows to train on"),
        (["1", "1", "0"], ["train", "train", "holdout"], "all 2 rows .* same class"),
    ],
)
def test_what_cannot_be_trained_on_is_said(ripe: list[str], split: list[str], message: str) -> None:
    def train(features: pd.DataFrame, target: pd.Series) -> Any:
        raise AssertionError("must not get here")

    with pytest.raises(NotEnoughDataError, match=message):
        fit(CLASSIFICATION, train, table_of(ripe, split))


def test_a_feature_without_any_value_is_named_where_the_trainer_fails() -> None:
    rows = table_of(["1", "0", "1", "0"])
    empty = rows.set_column(1, "size", pa.nulls(4, pa.float64()))

    def train(features: pd.DataFrame, target: pd.Series) -> Any:
        if features["size"].isna().all():
            raise ValueError("no bins")
        raise TypeError("of the trainer's own")

    with pytest.raises(NotEnoughDataError, match=r"size has no value in any of the 4 .* no bins"):
        fit(CLASSIFICATION, train, empty)
    with pytest.raises(TypeError, match="of the trainer's own"):
        fit(CLASSIFICATION, train, rows)


def test_a_trainer_is_loaded_by_path(tmp_path: Path) -> None:
    (tmp_path / "training.py").write_text("def train(features, target): return 'fitted'")
    assert load_trainer(tmp_path)(pd.DataFrame(), pd.Series()) == "fitted"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "training.py: file not found"),
        ("def fit(): ...", "has no function train"),
        ("train = 1", "has no function train"),
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("def train(", "SyntaxError"),
    ],
)
def test_a_training_file_that_is_not_one_is_refused(
    tmp_path: Path, source: str | None, message: str
) -> None:
    if source is not None:
        (tmp_path / "training.py").write_text(source)
    with pytest.raises(ModelDefinitionError, match=message):
        load_trainer(tmp_path)
