"""Training of the flight-delay model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

if TYPE_CHECKING:
    import pandas as pd

CATEGORIES = ["carrier", "origin", "dest"]


def train(features: pd.DataFrame, target: pd.Series) -> Pipeline:
    """Return a fitted classifier of late arrivals.

    Parameters
    ----------
    features
        One row per flight: numbers float32 with NaN for missing, categories object.
    target
        Class of each row.
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
    # One flight in four is late. Without class weights the model would hardly ever predict it, and
    # F1 could not tell two models apart.
    classifier = HistGradientBoostingClassifier(class_weight="balanced", random_state=0)
    return Pipeline([("columns", columns), ("classifier", classifier)]).fit(features, target)
