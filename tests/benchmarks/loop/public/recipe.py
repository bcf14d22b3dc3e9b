"""The model of every series: boosted trees as scikit-learn ships them, with nothing tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.base import BaseEstimator


def classify(features: pd.DataFrame, target: pd.Series) -> Pipeline:
    """Fit a classifier."""
    return _fit(HistGradientBoostingClassifier(random_state=0), features, target)


def regress(features: pd.DataFrame, target: pd.Series) -> Pipeline:
    """Fit a regression, or a forecast."""
    return _fit(HistGradientBoostingRegressor(random_state=0), features, target)


def _fit(model: BaseEstimator, features: pd.DataFrame, target: pd.Series) -> Pipeline:
    texts = [name for name in features.columns if features[name].dtype == object]
    numbers = [name for name in features.columns if name not in texts]
    parts = [("numbers", "passthrough", numbers)]
    if texts:
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        parts.append(("texts", encoder, texts))
    return Pipeline([("columns", ColumnTransformer(parts)), ("model", model)]).fit(features, target)
