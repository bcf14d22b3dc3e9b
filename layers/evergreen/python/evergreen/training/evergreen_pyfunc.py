"""How MLflow serves a model that Evergreen trained: it answers what the API answers.

Training puts this file into the model's artifact, so whoever loads the model needs MLflow and
scikit-learn and nothing of Evergreen. MLflow checks the input against the model's signature, which
has 64-bit numbers, as pandas has. The estimator was fitted on 32-bit numbers, with an empty text
for a missing category, and the API sends it these. So this does the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow.sklearn
import pandas as pd
from mlflow.models import Model
from mlflow.types import DataType

if TYPE_CHECKING:
    from collections.abc import Mapping


class CastingModel:
    """An estimator that takes rows as the signature has them.

    Parameters
    ----------
    wrapped
        MLflow's own wrapper of the estimator.
    types
        The type of each feature in the signature, in the order of the estimator's inputs.
    """

    def __init__(self, wrapped: Any, types: Mapping[str, DataType]) -> None:  # noqa: ANN401 - MLflow's
        self._wrapped = wrapped
        self._types = types

    def get_raw_model(self) -> Any:  # noqa: ANN401 - any estimator
        """Return the estimator."""
        return self._wrapped.get_raw_model()

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - an array
        """Predict each row; an optional feature without a column is missing in every row."""
        return self._wrapped.predict(self._cast(model_input), params)

    def _cast(self, given: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {
                name: _column(given.get(name, pd.Series(None, given.index, object)), kind)
                for name, kind in self._types.items()
            }
        )


def _column(values: pd.Series, kind: DataType) -> pd.Series:
    if kind is DataType.string:
        return values.astype(object).where(values.notna(), "")
    return values.astype("float64").astype("float32")


def _load_pyfunc(path: str) -> CastingModel:
    """Load the model; MLflow calls this with the folder of the model, or the estimator's file."""
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    signature = Model.load(str(folder)).signature
    if signature is None:
        raise ValueError(f"the model at {path} has no signature")
    types = {each.name: each.type for each in signature.inputs.inputs}
    return CastingModel(mlflow.sklearn._load_pyfunc(path), types)  # noqa: SLF001 - MLflow's interface of flavours
