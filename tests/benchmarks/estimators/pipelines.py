"""The pipelines that are tried, by group and name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import catboost
import imblearn.over_sampling
import imblearn.pipeline
import lightgbm
import numpy as np
import xgboost
from sklearn import (
    calibration,
    decomposition,
    discriminant_analysis,
    dummy,
    ensemble,
    feature_selection,
    gaussian_process,
    impute,
    kernel_ridge,
    linear_model,
    model_selection,
    multiclass,
    naive_bayes,
    neighbors,
    neural_network,
    preprocessing,
    svm,
    tree,
)
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.pipeline import Pipeline

from tests.benchmarks.estimators.text_pipelines import CATEGORIES, NUMBERS, OF_TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def pipeline(estimator: Any, numbers: Any = None, categories: Any = None) -> Pipeline:
    """Return an estimator behind an imputer for numbers and a one-hot encoder."""
    one_hot = preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer(
        [
            ("numbers", numbers or impute.SimpleImputer(), NUMBERS),
            ("categories", categories or one_hot, CATEGORIES),
        ]
    )
    return Pipeline([("columns", columns), ("estimator", estimator)])


class Ranked(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer of one's own: each number's rank among those of training."""

    def fit(self, values: Any, target: Any = None) -> Ranked:
        """Keep the numbers."""
        self.known_ = np.sort(np.asarray(values), axis=0)
        return self

    def transform(self, values: Any) -> Any:
        """Return the ranks, from 0 to 1."""
        each = zip(self.known_.T, np.asarray(values).T, strict=True)
        return np.stack([np.searchsorted(*pair) for pair in each], axis=1) / len(self.known_)


def _imputed(transformer: Any) -> Pipeline:
    return Pipeline([("impute", impute.SimpleImputer()), ("transform", transformer)])


def _logistic() -> Any:
    return linear_model.LogisticRegression(max_iter=500)


def _forest() -> Any:
    return ensemble.RandomForestClassifier(8, max_depth=5, random_state=0)


def _trees() -> list[tuple[str, Any]]:
    return [("forest", _forest()), ("linear", _logistic())]


def _numbers() -> list[tuple[str, Any]]:
    small = ensemble.RandomForestRegressor(5, max_depth=4, random_state=0)
    return [("forest", small), ("linear", linear_model.Ridge())]


_PLAIN: dict[str, list[Any]] = {
    "classification": [
        linear_model.LogisticRegression(max_iter=500),
        linear_model.SGDClassifier(loss="log_loss", random_state=0),
        linear_model.Perceptron(random_state=0),
        linear_model.RidgeClassifier(),
        svm.LinearSVC(),
        svm.SVC(),
        svm.NuSVC(),
        neighbors.KNeighborsClassifier(),
        neighbors.NearestCentroid(),
        naive_bayes.GaussianNB(),
        naive_bayes.BernoulliNB(),
        discriminant_analysis.LinearDiscriminantAnalysis(),
        discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=0.1),
        neural_network.MLPClassifier(hidden_layer_sizes=(8,), max_iter=50, random_state=0),
        gaussian_process.GaussianProcessClassifier(random_state=0),
        ensemble.AdaBoostClassifier(n_estimators=8, random_state=0),
        ensemble.BaggingClassifier(tree.DecisionTreeClassifier(max_depth=4), 5, random_state=0),
        ensemble.GradientBoostingClassifier(n_estimators=8, random_state=0),
        ensemble.VotingClassifier(_trees(), voting="soft", flatten_transform=False),
        ensemble.VotingClassifier(_trees(), voting="hard", flatten_transform=False),
        ensemble.StackingClassifier(_trees(), cv=2),
        calibration.CalibratedClassifierCV(_logistic(), cv=2),
        multiclass.OneVsRestClassifier(_logistic()),
        multiclass.OneVsOneClassifier(_logistic()),
        dummy.DummyClassifier(),
    ],
    "regression": [
        linear_model.LinearRegression(),
        linear_model.Ridge(),
        linear_model.Lasso(0.01),
        linear_model.ElasticNet(0.01),
        linear_model.BayesianRidge(),
        linear_model.HuberRegressor(max_iter=500),
        linear_model.TheilSenRegressor(random_state=0, max_subpopulation=200),
        linear_model.RANSACRegressor(random_state=0),
        linear_model.PoissonRegressor(),
        linear_model.GammaRegressor(),
        linear_model.TweedieRegressor(),
        linear_model.QuantileRegressor(),
        svm.LinearSVR(max_iter=20_000),
        svm.SVR(),
        neighbors.KNeighborsRegressor(),
        neural_network.MLPRegressor(hidden_layer_sizes=(8,), max_iter=50, random_state=0),
        gaussian_process.GaussianProcessRegressor(alpha=0.1),
        kernel_ridge.KernelRidge(),
        ensemble.AdaBoostRegressor(n_estimators=8, random_state=0),
        ensemble.BaggingRegressor(tree.DecisionTreeRegressor(max_depth=4), 5, random_state=0),
        ensemble.GradientBoostingRegressor(n_estimators=8, random_state=0),
        ensemble.VotingRegressor(_numbers()),
        ensemble.StackingRegressor(_numbers(), cv=2),
        TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1),
        dummy.DummyRegressor(),
    ],
}
_WITH_MISSING: dict[str, list[Any]] = {
    "classification": [
        ensemble.HistGradientBoostingClassifier(max_iter=8, random_state=0),
        _forest(),
        ensemble.ExtraTreesClassifier(8, max_depth=5, random_state=0),
        tree.DecisionTreeClassifier(max_depth=5, random_state=0),
        tree.ExtraTreeClassifier(max_depth=5, random_state=0),
    ],
    "regression": [
        ensemble.HistGradientBoostingRegressor(max_iter=8, random_state=0),
        ensemble.RandomForestRegressor(8, max_depth=5, random_state=0),
        ensemble.ExtraTreesRegressor(8, max_depth=5, random_state=0),
        tree.DecisionTreeRegressor(max_depth=5, random_state=0),
    ],
}
_TRANSFORMERS: dict[str, Any] = {
    "StandardScaler": _imputed(preprocessing.StandardScaler()),
    "MinMaxScaler": _imputed(preprocessing.MinMaxScaler()),
    "RobustScaler": _imputed(preprocessing.RobustScaler()),
    "MaxAbsScaler": _imputed(preprocessing.MaxAbsScaler()),
    "PowerTransformer": _imputed(preprocessing.PowerTransformer()),
    "QuantileTransformer": _imputed(preprocessing.QuantileTransformer(n_quantiles=50)),
    "KBinsDiscretizer": _imputed(
        preprocessing.KBinsDiscretizer(
            4, encode="onehot-dense", quantile_method="averaged_inverted_cdf"
        )
    ),
    "SplineTransformer": _imputed(preprocessing.SplineTransformer()),
    "PolynomialFeatures": _imputed(preprocessing.PolynomialFeatures(2)),
    "FunctionTransformer": _imputed(preprocessing.FunctionTransformer(np.abs)),
    "a transformer of your own": _imputed(Ranked()),
    "PCA": _imputed(decomposition.PCA(2)),
    "TruncatedSVD": _imputed(decomposition.TruncatedSVD(2, random_state=0)),
    "SelectKBest": _imputed(feature_selection.SelectKBest(k=2)),
    "VarianceThreshold": _imputed(feature_selection.VarianceThreshold()),
    "SimpleImputer, constant": impute.SimpleImputer(strategy="constant", fill_value=-1),
    "SimpleImputer, with indicator": impute.SimpleImputer(add_indicator=True),
    "KNNImputer": impute.KNNImputer(),
}
_ENCODERS: dict[str, Any] = {
    "OneHotEncoder, default": preprocessing.OneHotEncoder(),
    "OneHotEncoder, drop first": preprocessing.OneHotEncoder(drop="first", handle_unknown="ignore"),
    "OneHotEncoder, infrequent_if_exist": preprocessing.OneHotEncoder(
        handle_unknown="infrequent_if_exist"
    ),
    "OneHotEncoder, min_frequency": preprocessing.OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=100
    ),
    "OrdinalEncoder, default": preprocessing.OrdinalEncoder(),
    "OrdinalEncoder, unknown_value": preprocessing.OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1
    ),
    "TargetEncoder": preprocessing.TargetEncoder(cv=2, random_state=0),
}


_QUICK: dict[str, Any] = {"n_estimators": 20, "random_state": 0}
_CATBOOST: dict[str, Any] = {"verbose": False, "allow_writing_files": False, **_QUICK}
_LIGHTGBM: dict[str, Any] = {"verbose": -1, **_QUICK}
_BAGGED: dict[str, Any] = {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}
_BOOSTED: dict[str, dict[str, Any]] = {
    "classification, boosted trees of other libraries": {
        "lightgbm.LGBMClassifier": lightgbm.LGBMClassifier(**_LIGHTGBM),
        "lightgbm.LGBMClassifier, boosting_type rf": lightgbm.LGBMClassifier(
            **_LIGHTGBM, **_BAGGED
        ),
        "catboost.CatBoostClassifier": catboost.CatBoostClassifier(**_CATBOOST),
        "VotingClassifier of an xgboost.XGBClassifier": ensemble.VotingClassifier(
            [("xgboost", xgboost.XGBClassifier(**_QUICK))], voting="soft", flatten_transform=False
        ),
        "StackingClassifier of XGBClassifier and LGBMClassifier": ensemble.StackingClassifier(
            [
                ("xgboost", xgboost.XGBClassifier(**_QUICK)),
                ("lightgbm", lightgbm.LGBMClassifier(**_LIGHTGBM)),
            ],
            cv=2,
        ),
        "CalibratedClassifierCV of an LGBMClassifier": calibration.CalibratedClassifierCV(
            lightgbm.LGBMClassifier(**_LIGHTGBM), cv=2
        ),
    },
    "classification, classes 0 and 1, boosted trees of other libraries": {
        "lightgbm.LGBMClassifier": lightgbm.LGBMClassifier(**_LIGHTGBM),
        "xgboost.XGBClassifier": xgboost.XGBClassifier(**_QUICK),
        "catboost.CatBoostClassifier": catboost.CatBoostClassifier(**_CATBOOST),
    },
    "regression, boosted trees of other libraries": {
        "lightgbm.LGBMRegressor": lightgbm.LGBMRegressor(**_LIGHTGBM),
        "lightgbm.LGBMRegressor, boosting_type rf": lightgbm.LGBMRegressor(**_LIGHTGBM, **_BAGGED),
        "lightgbm.LGBMRegressor, objective poisson": lightgbm.LGBMRegressor(
            **_LIGHTGBM, objective="poisson"
        ),
        "xgboost.XGBRegressor": xgboost.XGBRegressor(**_QUICK),
        "xgboost.XGBRegressor, objective count:poisson": xgboost.XGBRegressor(
            **_QUICK, objective="count:poisson"
        ),
        "catboost.CatBoostRegressor": catboost.CatBoostRegressor(**_CATBOOST),
    },
}


def _oversampled() -> Any:
    """Return a pipeline of imbalanced-learn, which draws rows of the rarer class again."""
    steps = pipeline(_logistic()).steps
    again = ("draw", imblearn.over_sampling.RandomOverSampler(random_state=0))
    return imblearn.pipeline.Pipeline([steps[0], again, steps[1]])


def _around(model: Pipeline) -> dict[str, Any]:
    grid = {"estimator__max_depth": [2, 3]}
    return {
        "FixedThresholdClassifier": model_selection.FixedThresholdClassifier(model, threshold=0.3),
        "TunedThresholdClassifierCV": model_selection.TunedThresholdClassifierCV(
            model, cv=2, thresholds=5
        ),
        "GridSearchCV": model_selection.GridSearchCV(model, grid, cv=2),
    }


def _named(items: list[Any], *, passthrough: bool) -> dict[str, Callable[[], Any]]:
    named: dict[str, Callable[[], Any]] = {}
    for item in items:
        name = type(item).__name__
        if name in named:
            name = f"{name}, voting {item.voting}"
        numbers = "passthrough" if passthrough else None
        named[name] = partial(pipeline, item, numbers)
    return named


PIPELINES: Mapping[str, Mapping[str, Callable[[], Any]]] = {
    "classification": _named(_PLAIN["classification"], passthrough=False),
    "regression": _named(_PLAIN["regression"], passthrough=False),
    "classification, missing values as they are": _named(
        _WITH_MISSING["classification"], passthrough=True
    ),
    "regression, missing values as they are": _named(_WITH_MISSING["regression"], passthrough=True),
    "classification, transformer of numbers before LogisticRegression": {
        name: partial(pipeline, _logistic(), item) for name, item in _TRANSFORMERS.items()
    },
    "classification, encoder of categories before LogisticRegression": {
        name: partial(pipeline, _logistic(), None, item) for name, item in _ENCODERS.items()
    },
    "classification, around a forest": {
        name: partial(clone, item) for name, item in _around(pipeline(_forest())).items()
    },
    **{
        group: {name: partial(pipeline, item, "passthrough") for name, item in items.items()}
        for group, items in _BOOSTED.items()
    },
    "classification, pipelines of imbalanced-learn": {
        "RandomOverSampler": _oversampled,
    },
    **OF_TEXTS,
}
"""Group to name to a function that gives the pipeline. A group begins with its task."""
