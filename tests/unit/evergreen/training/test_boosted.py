"""LightGBM, XGBoost and CatBoost answer from a bundle as they do themselves."""

from __future__ import annotations

from typing import Any

import catboost
import imblearn.over_sampling
import imblearn.pipeline
import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from evergreen.bundle.predictor import Predictor
from evergreen.model_definition import ModelDefinition
from evergreen.training.boosted import round_down
from evergreen.training.onnx_export import export_bundle
from tests.support import trained_models
from tests.support.trained_models import DEFINITION, frame

QUICK: dict[str, Any] = {"n_estimators": 5, "random_state": 0}
LIGHTGBM: dict[str, Any] = {"verbose": -1, "n_jobs": 1, **QUICK}
CATBOOST: dict[str, Any] = {"verbose": False, "allow_writing_files": False, **QUICK}
NUMBERS = ["wind", "stops", "express"]
REGRESSION = DEFINITION.model_copy(update={"task": "regression"})


ROWS = 400


def training_columns() -> dict[str, Any]:
    return {name: values[:ROWS] for name, values in trained_models.training_columns().items()}


def signal() -> Any:
    return trained_models.signal()[:ROWS]


def encoded() -> ColumnTransformer:
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer([("n", "passthrough", NUMBERS), ("c", one_hot, ["line"])])


def columns_without_missing() -> dict[str, Any]:
    columns = training_columns()
    return {**columns, "wind": np.nan_to_num(columns["wind"], nan=0.1) - 0.5}


@pytest.mark.parametrize("nulls", [True, False], ids=["nulls in training", "no null in training"])
@pytest.mark.parametrize(
    "estimator",
    [
        lightgbm.LGBMClassifier(**LIGHTGBM),
        xgboost.XGBClassifier(**QUICK, n_jobs=1),
        catboost.CatBoostClassifier(**CATBOOST),
    ],
    ids=["lightgbm", "xgboost", "catboost"],
)
@pytest.mark.parametrize("classes", [2, 3])
def test_classifiers(estimator: Any, classes: int, nulls: bool) -> None:
    columns = training_columns() if nulls else columns_without_missing()
    target = np.digitize(signal(), [0.3, 1.0][: classes - 1])
    model = Pipeline([("columns", encoded()), ("trees", estimator)]).fit(frame(columns), target)
    exported = export_bundle(model, DEFINITION, columns, "1")
    without = {**columns, "wind": np.full(ROWS, np.nan, dtype=np.float32)}
    for rows in (columns, without):
        expected = model.predict_proba(frame(rows))
        found = Predictor(exported).probabilities(rows)
        np.testing.assert_allclose(np.asarray(found), expected, atol=1e-5)
        answers = Predictor(exported).predict(rows).outputs
        assert answers == np.ravel(model.predict(frame(rows))).tolist()


@pytest.mark.parametrize(
    "estimator",
    [
        lightgbm.LGBMRegressor(**LIGHTGBM),
        xgboost.XGBRegressor(**QUICK, n_jobs=1),
        catboost.CatBoostRegressor(**CATBOOST),
    ],
    ids=["lightgbm", "xgboost", "catboost"],
)
def test_regressors(estimator: Any) -> None:
    columns = columns_without_missing()
    model = Pipeline([("columns", encoded()), ("trees", estimator)]).fit(frame(columns), signal())
    exported = export_bundle(model, REGRESSION, columns, "1")
    without = {**columns, "wind": np.full(ROWS, np.nan, dtype=np.float32)}
    found = np.array(Predictor(exported).predict(without).outputs)
    np.testing.assert_allclose(found, model.predict(frame(without)), rtol=1e-4, atol=1e-5)


def test_a_classifier_on_its_own_keeps_the_words_of_its_classes() -> None:
    numbers = {name: DEFINITION.features[name] for name in NUMBERS}
    definition = ModelDefinition.model_validate(
        {**DEFINITION.model_dump(), "features": {n: f.model_dump() for n, f in numbers.items()}}
    )
    columns = {name: training_columns()[name] for name in NUMBERS}
    words = np.where(signal() > 0.3, "late", "on time")
    model = lightgbm.LGBMClassifier(**LIGHTGBM).fit(frame(columns), words)
    exported = export_bundle(model, definition, columns, "1")
    expected = np.asarray(model.predict(frame(columns)))
    assert Predictor(exported).predict(columns).outputs == expected.tolist()


def test_samplers_of_imbalanced_learn_only_change_the_rows_of_the_fit() -> None:
    columns = columns_without_missing()
    steps = [
        ("columns", encoded()),
        ("draw", imblearn.over_sampling.RandomOverSampler(random_state=0)),
        ("linear", LogisticRegression(max_iter=500)),
    ]
    definition = ModelDefinition.model_validate(
        {
            **DEFINITION.model_dump(),
            "features": {
                name: {**feature.model_dump(), "nullable": False}
                for name, feature in DEFINITION.features.items()
            },
        }
    )
    model = imblearn.pipeline.Pipeline(steps).fit(frame(columns), signal() > 1.5)
    exported = export_bundle(model, definition, columns, "1")
    expected = np.asarray(model.predict(frame(columns)))
    assert Predictor(exported).predict(columns).outputs == expected.tolist()


def test_thresholds_are_rounded_down() -> None:
    exact = np.array([0.1, 0.5, -0.1, 1e30])
    rounded = round_down(exact)
    assert rounded.dtype == np.float32
    assert (rounded.astype(np.float64) <= exact).all()
    assert (np.nextafter(rounded, np.float32(np.inf)).astype(np.float64) > exact).all()
