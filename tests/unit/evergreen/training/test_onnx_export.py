"""ONNX says what scikit-learn says, or there is no bundle."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from evergreen.bundle.labels import near_tie
from evergreen.bundle.predictor import Predictor
from evergreen.errors import BundleError, PredictionError
from evergreen.model_definition import Feature, ModelDefinition
from evergreen.training.onnx_export import export_bundle
from tests.support.trained_models import (
    DEFINITION,
    bundle,
    frame,
    pipeline,
    signal,
    training_columns,
)

if TYPE_CHECKING:
    from evergreen.bundle.content import Bundle
    from evergreen.columns import Columns

NUMBERS = ["wind", "stops", "express"]
HIGH, LOW = "late", "on time"


def fitted(estimator: Any, target: Any, *, impute: bool, encoder: Any = None) -> Pipeline:
    numbers = SimpleImputer() if impute else "passthrough"
    encoder = encoder or OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("n", numbers, NUMBERS), ("c", encoder, ["line"])])
    steps = Pipeline([("columns", columns), ("estimator", estimator)])
    return steps.fit(frame(training_columns()), target)


def boosting() -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=5, random_state=0)


def defined(task: str) -> ModelDefinition:
    forecast = {"horizon": 1, "seasonal_naive": "wind"} if task == "time_series" else None
    changes = {"task": task, "forecast": forecast}
    return ModelDefinition.model_validate({**DEFINITION.model_dump(), **changes})


@pytest.mark.parametrize(
    ("estimator", "impute"),
    [
        (HistGradientBoostingClassifier(max_iter=10, random_state=0), False),
        (LogisticRegression(max_iter=1000), True),
        (RandomForestClassifier(20, max_depth=8, random_state=0), True),
    ],
)
@pytest.mark.parametrize(
    ("labels", "classes", "kind", "outputs"),
    [
        (np.array([LOW, HIGH], dtype=object), (HIGH, LOW), "string", {HIGH, LOW}),
        (np.array([3, 11]), ("3", "11"), "integer", {3, 11}),
        (np.array([False, True]), ("False", "True"), "boolean", {False, True}),
    ],
)
def test_classifiers_keep_their_labels_and_probabilities(
    estimator: Any, impute: bool, labels: Any, classes: Any, kind: str, outputs: Any
) -> None:
    model = fitted(estimator, labels[(signal() > 0.3).astype(int)], impute=impute)
    exported = export_bundle(model, DEFINITION, training_columns(), "1")
    assert (exported.signature.classes, exported.signature.class_type) == (classes, kind)
    predictions = Predictor(exported).predict(training_columns())
    assert set(predictions.outputs) == outputs
    assert {type(output) for output in predictions.outputs} == {type(labels.tolist()[0])}
    expected = model.predict_proba(frame(training_columns()))
    np.testing.assert_allclose(np.array(predictions.confidences), expected.max(axis=1), atol=1e-5)
    probabilities = Predictor(exported).probabilities(training_columns())
    assert probabilities is not None
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("estimator", "impute"),
    [(HistGradientBoostingRegressor(max_iter=10, random_state=0), False), (Ridge(), True)],
)
@pytest.mark.parametrize("task", ["regression", "time_series"])
def test_regressors_give_numbers_without_confidence(
    estimator: Any, impute: bool, task: str
) -> None:
    model = fitted(estimator, signal(), impute=impute)
    exported = export_bundle(model, defined(task), training_columns(), "1")
    predictions = Predictor(exported).predict(training_columns())
    said = model.predict(frame(training_columns()))
    assert exported.signature.output_range == pytest.approx((said.min(), said.max()))
    assert predictions.confidences is None
    assert Predictor(exported).probabilities(training_columns()) is None
    np.testing.assert_allclose(
        np.array(predictions.outputs),
        model.predict(frame(training_columns())),
        rtol=1e-3,
        atol=1e-4,
    )


def test_a_classifier_without_probabilities_has_no_confidence() -> None:
    model = fitted(RidgeClassifier(), np.where(signal() > 0, HIGH, LOW), impute=True)
    exported = export_bundle(model, DEFINITION, training_columns(), "1")
    assert Predictor(exported).predict(training_columns()).confidences is None


def test_the_signature_tells_what_training_saw() -> None:
    wind, stops, line, express = bundle().signature.features
    columns = training_columns()
    assert (wind.min, wind.max) == (np.nanmin(columns["wind"]), np.nanmax(columns["wind"]))
    assert (stops.type, stops.max, express.max) == ("integer", 39, 1)
    assert (line.categories, line.min) == (("", "S7", "U1", "U2"), None)


def test_an_estimator_that_cannot_be_converted_is_refused() -> None:
    odd = Pipeline([("odd", FunctionTransformer(lambda x: x[["stops"]])), ("line", Ridge())]).fit(
        frame(training_columns()), signal()
    )
    with pytest.raises(BundleError, match="cannot be converted to ONNX"):
        export_bundle(odd, defined("regression"), training_columns(), "1")


def test_infrequent_categories_are_refused_with_the_reason() -> None:
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=495)
    model = fitted(LogisticRegression(max_iter=1000), signal() > 0, impute=True, encoder=encoder)
    with pytest.raises(BundleError, match="Infrequent categories"):
        export_bundle(model, DEFINITION, training_columns(), "1")


CLOSED = DEFINITION.model_copy(
    update={"features": {**DEFINITION.features, "line": Feature(type="category")}}
)
"""A definition whose category may not be missing."""


def says(exported: Bundle, columns: Columns) -> list[Any]:
    return list(Predictor(exported).predict(columns).outputs)


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()])
def test_an_encoder_that_fails_on_unseen_categories_closes_its_feature(encoder: Any) -> None:
    model = fitted(boosting(), signal() > 0, impute=False, encoder=encoder)
    exported = export_bundle(model, CLOSED, training_columns(), "1")
    assert [item.name for item in exported.signature.features if item.closed] == ["line"]
    unseen = {**training_columns(), "line": np.full(2000, "U9", dtype=object)}
    with pytest.raises(PredictionError, match="'U9' is a category of 'line'"):
        says(exported, unseen)


def test_an_encoder_without_infrequent_categories_takes_unseen_ones() -> None:
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist")
    model = fitted(boosting(), signal() > 0, impute=False, encoder=encoder)
    exported = export_bundle(model, DEFINITION, training_columns(), "1")
    unseen = {**training_columns(), "line": np.full(2000, "U9", dtype=object)}
    assert not any(item.closed for item in exported.signature.features)
    assert says(exported, unseen) == model.predict(frame(unseen)).tolist()


def without_missing() -> Columns:
    return {**training_columns(), "wind": np.nan_to_num(training_columns()["wind"])}


@pytest.mark.parametrize("missing", [0, 2])
@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
def test_missing_values_turn_as_in_scikit_learn_however_few_training_had(
    kind: Any, missing: int
) -> None:
    columns = without_missing()
    columns["wind"][:missing] = np.nan
    steps = ColumnTransformer(
        [("n", "passthrough", NUMBERS), ("c", OneHotEncoder(handle_unknown="ignore"), ["line"])]
    )
    model = Pipeline([("columns", steps), ("forest", kind(8, max_depth=6, random_state=0))])
    model.fit(frame(columns), np.where(signal() > 0.3, HIGH, LOW))
    exported = export_bundle(model, DEFINITION, columns, "1")
    gaps = {**columns, "wind": np.full(2000, np.nan, np.float32)}
    assert says(exported, gaps) == model.predict(frame(gaps)).tolist()
    assert len(set(says(exported, gaps))) == 2


def test_an_estimator_that_takes_no_missing_value_is_refused_where_one_is_allowed() -> None:
    steps = ColumnTransformer(
        [("n", "passthrough", NUMBERS), ("c", OneHotEncoder(handle_unknown="ignore"), ["line"])]
    )
    model = Pipeline([("columns", steps), ("linear", LogisticRegression(max_iter=1000))])
    model.fit(frame(without_missing()), signal() > 0)
    with pytest.raises(BundleError, match=r"features\.wind: wind may be missing.*SimpleImputer"):
        export_bundle(model, DEFINITION, without_missing(), "1")


def test_votes_that_tie_have_the_class_that_scikit_learn_gives() -> None:
    columns = training_columns()
    model = fitted(RandomForestClassifier(4, random_state=0), signal() > 0.3, impute=True)
    exported = export_bundle(model, DEFINITION, columns, "1")
    tied = near_tie(model.predict_proba(frame(columns)))
    assert tied.sum() > 5
    assert says(exported, columns) == model.predict(frame(columns)).tolist()
    assert exported.signature.decides == "scores"


@pytest.mark.parametrize("wrap", [FixedThresholdClassifier, None])
def test_a_threshold_is_carried_in_the_bundle(wrap: Any) -> None:
    inner = fitted(boosting(), signal() > 0.3, impute=False)
    columns, target = training_columns(), signal() > 0.3
    if wrap:
        model = wrap(inner, threshold=0.2).fit(frame(columns), target)
    else:
        model = TunedThresholdClassifierCV(inner, cv=2, thresholds=5).fit(frame(columns), target)
    exported = export_bundle(model, DEFINITION, columns, "1")
    assert exported.signature.threshold == pytest.approx(0.2 if wrap else model.best_threshold_)
    assert says(exported, columns) == model.predict(frame(columns)).tolist()


def test_a_search_is_exported_as_its_best_estimator() -> None:
    search = GridSearchCV(
        fitted(boosting(), signal() > 0, impute=False), {"estimator__max_depth": [1, 2]}, cv=2
    ).fit(frame(training_columns()), signal() > 0)
    exported = export_bundle(search, DEFINITION, training_columns(), "1")
    assert says(exported, training_columns()) == search.predict(frame(training_columns())).tolist()


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(5, max_depth=4, random_state=0),
        Pipeline([("scale", StandardScaler()), ("linear", LogisticRegression())]),
    ],
)
def test_an_estimator_without_column_transformer_takes_several_features(estimator: Any) -> None:
    numbers = {name: DEFINITION.features[name] for name in ("stops", "express")}
    definition = DEFINITION.model_copy(update={"features": numbers})
    columns = {name: training_columns()[name] for name in numbers}
    model = estimator.fit(frame(columns), signal() > 0)
    exported = export_bundle(model, definition, columns, "1")
    assert says(exported, columns) == model.predict(frame(columns)).tolist()


def test_an_estimator_that_gets_texts_as_they_are_is_told_what_to_do() -> None:
    model = RandomForestClassifier(2).fit(
        frame({"stops": training_columns()["stops"]}), signal() > 0
    )
    model.predict = lambda features: np.zeros(len(features), dtype=bool)
    model.predict_proba = lambda features: np.full((len(features), 2), 0.5)
    with pytest.raises(BundleError, match="Return a Pipeline: a ColumnTransformer"):
        export_bundle(model, DEFINITION, training_columns(), "1")


def test_a_conversion_that_says_something_else_is_refused() -> None:
    model = copy(pipeline())
    other = {HIGH: LOW, LOW: HIGH}
    honest = model.predict
    model.predict = lambda features: np.array([other[each] for each in honest(features)])
    with pytest.raises(BundleError, match=r"differ on 100\.00% of 2000 rows"):
        export_bundle(model, DEFINITION, training_columns(), "1")


@pytest.mark.parametrize("scaler", [StandardScaler, MaxAbsScaler, MinMaxScaler, RobustScaler])
def test_a_forest_behind_a_scaler_keeps_its_probabilities(scaler: Any) -> None:
    # Values with few digits lie close to thresholds: where scaling rounds differently, trees turn.
    columns = dict(training_columns())
    columns["wind"] = np.nan_to_num(columns["wind"]).round(2).astype(np.float32)
    steps = ColumnTransformer(
        [("n", scaler(), NUMBERS), ("c", OneHotEncoder(handle_unknown="ignore"), ["line"])]
    )
    forest = RandomForestClassifier(20, min_samples_leaf=2, random_state=0)
    model = Pipeline([("columns", steps), ("forest", forest)]).fit(frame(columns), signal() > 0.3)
    exported = export_bundle(model, DEFINITION, columns, "1")
    said = Predictor(exported).probabilities(columns)
    gaps = np.abs(said - model.predict_proba(frame(columns))).max(axis=1)
    assert np.mean(gaps > 1e-3) <= 0.001


def test_probabilities_that_differ_are_refused_with_the_usual_cause() -> None:
    model = copy(pipeline())
    honest = model.predict_proba
    off = np.where(np.arange(2000) < 5, 0.01, 0.0)[:, np.newaxis]  # 0.25 % of the rows
    model.predict_proba = lambda features: np.abs(honest(features) - off)
    with pytest.raises(BundleError, match=r"probabilities .* differ on 0\.25% .*pass numbers"):
        export_bundle(model, DEFINITION, training_columns(), "1")


def test_labels_that_are_no_json_classes_are_refused() -> None:
    model = fitted(LogisticRegression(max_iter=1000), np.where(signal() > 0, 1.0, 2.0), impute=True)
    with pytest.raises(BundleError, match="Train on strings, integers or booleans"):
        export_bundle(model, DEFINITION, training_columns(), "1")


def test_features_keep_their_names_whatever_they_are() -> None:
    names = ["a b", "a_b", "a.b", "ünï", "class", "0", "x" * 200]
    rows = np.random.default_rng(3).normal(size=(200, len(names))).astype(np.float32)
    columns = {name: rows[:, place] for place, name in enumerate(names)}
    features = {name: Feature(type="float") for name in names}
    definition = DEFINITION.model_copy(update={"features": features})
    model = LogisticRegression().fit(frame(columns), rows @ np.arange(1, 8) > 0)
    exported = export_bundle(model, definition, columns, "1")
    assert says(exported, columns) == model.predict(frame(columns)).tolist()
