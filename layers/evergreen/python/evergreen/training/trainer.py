"""The trainer: fits a model with the model folder's own code on the rows of a data set."""

from __future__ import annotations

import importlib.util
import re
import sys
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from evergreen.bundle.sklearn_engine import OWN_MODULE, to_frame
from evergreen.datasets.schema import TIMESTAMP, to_columns
from evergreen.datasets.splitting import TRAIN, rows_of
from evergreen.errors import ModelDefinitionError, NotEnoughDataError
from evergreen.training.recency import WEIGHTS, recency_weights, require_weights_taken
from evergreen.training.threshold import fit_with_threshold

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from sklearn.base import BaseEstimator

    from evergreen.model_definition import ModelDefinition

TRAINING_FILE = "training.py"

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
"""The text of an integer that certainly fits into 64 bits."""


class Trainer(Protocol):
    """The function ``train`` of a model folder's ``training.py``."""

    def __call__(self, features: pd.DataFrame, target: pd.Series) -> BaseEstimator:
        """Return a fitted estimator.

        If ``retraining.recency_half_life`` is set, ``sample_weight`` is passed too: one weight for
        each row, with a mean of 1.
        """
        ...


def load_trainer(folder: Path) -> Trainer:
    """Load the function ``train`` from ``folder/training.py``, by path.

    Raises
    ------
    ModelDefinitionError
        If the file or the function is missing, or the file cannot be imported.
    """
    file = folder / TRAINING_FILE
    if not file.is_file():
        raise ModelDefinitionError(
            "file not found", where=str(file), fix="Write train(features, target) there."
        )
    spec = importlib.util.spec_from_file_location(OWN_MODULE + folder.name, file)
    if spec is None or spec.loader is None:
        raise ModelDefinitionError("not a Python file", where=str(file))
    # Importable by name, because skops and MLflow look for the classes of a transformer there.
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's file raises
        raise ModelDefinitionError(
            f"cannot be imported: {type(error).__name__}: {error}", where=str(file)
        ) from error
    trainer = getattr(module, "train", None)
    if not callable(trainer):
        raise ModelDefinitionError("has no function train(features, target)", where=str(file))
    return trainer  # type: ignore[no-any-return]


def require_recipe(definition: ModelDefinition, folder: Path) -> None:
    """Check that a model is trained by its folder, and not imported.

    Raises
    ------
    ModelDefinitionError
        If its versions are imported; the message says how.
    """
    if definition.retraining.by == "import":
        raise ModelDefinitionError(
            "its versions are imported, so nothing trains it (retraining.by)",
            where=str(folder),
            fix=f"Bring the next one with `evergreen import {definition.name} model.onnx --data "
            "FILE`; with --check it only says what would not fit.",
        )


def fit(definition: ModelDefinition, trainer: Trainer, table: pa.Table) -> BaseEstimator:
    """Fit on the training rows of a data set.

    Raises
    ------
    NotEnoughDataError
        If there is no training row, or all rows of a classification have one class, or the trainer
        fails where a feature has no value in any row.
    ModelDefinitionError
        If the definition asks for recency weights and the trainer takes no weights, or for a
        threshold that the estimator cannot have.
    """
    require_weights_taken(definition, trainer)
    rows = rows_of(table, TRAIN)
    if definition.evaluation.threshold == "tuned":
        rows = rows.sort_by(TIMESTAMP)  # it is tuned on the newest
    if not rows.num_rows:
        raise NotEnoughDataError("no rows to train on", where=definition.name)
    target = to_target(definition, rows)
    if definition.task == "classification" and target.nunique() < 2:
        raise NotEnoughDataError(
            f"all {rows.num_rows} rows to train on have the same class", where=definition.name
        )
    weights = recency_weights(definition, rows)
    features = to_features(definition, rows)

    def fit_some(part: slice) -> BaseEstimator:
        some = features.iloc[part], target.iloc[part]
        weighted: Any = trainer
        extra = {} if weights is None else {WEIGHTS: weights[part]}
        try:
            fitted: BaseEstimator = weighted(*some, **extra)
        except Exception as error:
            # Few estimators say which column they cannot do with.
            if empty := [str(name) for name in some[0] if some[0][name].isna().all()]:
                raise _without_values(definition, empty, len(some[0]), error) from error
            raise
        return fitted

    return fit_with_threshold(definition, fit_some, features, target)


def _without_values(
    definition: ModelDefinition, empty: list[str], rows: int, error: Exception
) -> NotEnoughDataError:
    return NotEnoughDataError(
        f"{', '.join(empty)} {'has' if len(empty) == 1 else 'have'} no value in any of the {rows} "
        f"rows to train on, and train fails: {type(error).__name__}: {error}",
        where=definition.name,
        fix="Train on more rows, or leave out of model.toml what has no values yet.",
    )


def to_features(definition: ModelDefinition, table: pa.Table) -> pd.DataFrame:
    """Return the features for an estimator: numbers as float32, categories as object."""
    return to_frame(to_columns(definition, table))


def to_target(definition: ModelDefinition, table: pa.Table) -> pd.Series:
    """Return the target: float64, or for classification the labels in their original type.

    A data set keeps labels as text. The text of integers and booleans is converted back, so that
    predictions have the same type as ground truth.
    """
    values = table[definition.target].to_pylist()
    if definition.task != "classification":
        return pd.Series(values, name=definition.target, dtype=np.float64)
    return pd.Series(_typed(values), name=definition.target)


def _typed(labels: list[str]) -> np.ndarray[Any, Any]:
    names = set(labels)
    if names <= {"False", "True"}:
        return np.array([label == "True" for label in labels])
    if all(_INTEGER.fullmatch(name) for name in names):
        return np.array([int(label) for label in labels], dtype=np.int64)
    return np.array(labels, dtype=object)
