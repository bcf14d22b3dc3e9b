"""Training of the flight-duration model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

if TYPE_CHECKING:
    import pandas as pd

CATEGORIES = ["carrier", "origin", "dest"]


def train(features: pd.DataFrame, target: pd.Series) -> Pipeline:
    """Return a fitted regressor of minutes in the air.

    Parameters
    ----------
    features
        One row per flight: numbers float32, categories object.
    target
        Minutes in the air of each.
    """
    numbers = [name for name in features.columns if name not in CATEGORIES]
    columns = ColumnTransformer(
        [
            ("numbers", "passthrough", numbers),
            (
                "categories",
                OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype="float32"),
                CATEGORIES,
            ),
        ]
    )
    regressor = HistGradientBoostingRegressor(random_state=0)
    return Pipeline([("columns", columns), ("regressor", regressor)]).fit(features, target)
