"""Training of the daily-ridership model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

if TYPE_CHECKING:
    import pandas as pd


def train(features: pd.DataFrame, target: pd.Series) -> Pipeline:
    """Return a fitted forecaster of riders a week ahead.

    Parameters
    ----------
    features
        One row per day: numbers float32, the weekday object.
    target
        Thousands of riders a week later.
    """
    numbers = [name for name in features.columns if name != "weekday"]
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), numbers),
            ("weekday", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["weekday"]),
        ]
    )
    # A linear model, because the level of the series moves and trees cannot extrapolate.
    return Pipeline([("columns", columns), ("ridge", Ridge(alpha=1.0))]).fit(features, target)
