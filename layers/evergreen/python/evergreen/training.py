"""Training a challenger: fitted by the model folder's own code, logged, registered, exported."""

from __future__ import annotations

import importlib.util
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import mlflow.sklearn
import numpy as np
import pandas as pd

from evergreen.bundle import Bundle, save_bundle
from evergreen.dataset import HOLDOUT, TRAIN, rows_of, to_columns
from evergreen.errors import ModelDefinitionError, NotEnoughDataError
from evergreen.evaluation import scores_of
from evergreen.export import export_bundle

if TYPE_CHECKING:
    import pyarrow as pa
    from sklearn.base import BaseEstimator

    from evergreen.clock import Clock
    from evergreen.dataset import DatasetManifest
    from evergreen.model_definition import ModelDefinition
    from evergreen.registry import Registry
    from evergreen.storage import Storage

TRAINING_FILE = "training.py"
SKOPS_TRUSTED_TYPES = [
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
]
"""What a saved estimator may hold beyond skops' own list. A model file's own word on what to trust
is never taken."""

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
"""What ``str()`` makes of an integer, as far as 64 bits surely hold it."""


class Trainer(Protocol):
    """The function ``train`` of a model folder's ``training.py``."""

    def __call__(self, features: pd.DataFrame, target: pd.Series) -> BaseEstimator:
        """Return a fitted estimator."""
        ...


@dataclass(frozen=True, slots=True)
class Challenger:
    """A trained, registered and exported model that has not been judged yet."""

    version: str
    run_id: str
    bundle: Bundle


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
    spec = importlib.util.spec_from_file_location(f"evergreen_model_{folder.name}", file)
    if spec is None or spec.loader is None:
        raise ModelDefinitionError("not a Python file", where=str(file))
    module = importlib.util.module_from_spec(spec)
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


def fit(definition: ModelDefinition, trainer: Trainer, table: pa.Table) -> BaseEstimator:
    """Fit on the rows of a data set that are for training.

    Raises
    ------
    NotEnoughDataError
        If no row is for training, or all of a classification's rows have one class.
    """
    rows = rows_of(table, TRAIN)
    if not rows.num_rows:
        raise NotEnoughDataError("no rows to train on", where=definition.name)
    target = to_target(definition, rows)
    if definition.task == "classification" and target.nunique() < 2:
        raise NotEnoughDataError(
            f"all {rows.num_rows} rows to train on have the same class", where=definition.name
        )
    return trainer(to_features(definition, rows), target)


def to_features(definition: ModelDefinition, table: pa.Table) -> pd.DataFrame:
    """Return the features as estimators see them: numbers float32, categories object."""
    columns = to_columns(definition, table)
    return pd.DataFrame(
        {name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()}
    )


def to_target(definition: ModelDefinition, table: pa.Table) -> pd.Series:
    """Return the target: float64, or for classification the labels in the type they came in.

    A data set keeps labels as text. Text that ``str()`` makes of integers or booleans becomes
    these again, so that answers have the type that ground truth is given in.
    """
    values = table[definition.target].to_pylist()
    if definition.task != "classification":
        return pd.Series(values, name=definition.target, dtype=np.float64)
    return pd.Series(_typed(values), name=definition.target)


def train_challenger(
    definition: ModelDefinition,
    folder: Path,
    manifest: DatasetManifest,
    table: pa.Table,
    *,
    storage: Storage,
    registry: Registry,
    clock: Clock,
) -> Challenger:
    """Fit a challenger and bring it to where it can be judged and promoted.

    The run in MLflow holds parameters, metrics, the data set's id and the scikit-learn model
    (skops, no pickle); the model is registered as a version with the alias ``challenger``; its
    bundle, proved equal to the estimator, is stored and noted at the version. Should anything fail
    after registration, the version is archived with the reason.

    Parameters
    ----------
    definition
        The model to train.
    folder
        The model's folder, with ``training.py``.
    manifest, table
        The data set.
    storage
        The data bucket, for the bundle.
    registry
        Where run and version go.
    clock
        Gives the time of the metrics.

    Raises
    ------
    ModelDefinitionError, NotEnoughDataError, BundleError, RegistryError
        From the steps named above.
    """
    trainer = load_trainer(folder)
    run_id = registry.start_run(
        definition.name, manifest.dataset_id, {"dataset_id": manifest.dataset_id}
    )
    try:
        estimator = fit(definition, trainer, table)
        registry.log_params(run_id, _parameters(estimator, manifest))
        version = _register(definition, estimator, run_id, manifest, registry)
        try:
            training = rows_of(table, TRAIN)
            train_columns = to_columns(definition, training)
            bundle = export_bundle(estimator, definition, train_columns, version)
            metrics = {
                f"{split}_{name}": value
                for split in (TRAIN, HOLDOUT)
                if (rows := rows_of(table, split)).num_rows
                for name, value in scores_of(definition, bundle, rows, training=training).items()
            }
            registry.log_metrics(run_id, metrics, clock())
            uri, sha256 = save_bundle(storage, definition.name, bundle)
            registry.attach_bundle(definition.name, version, uri, sha256)
        except Exception as error:
            registry.archive(definition.name, version, f"not finished: {error}", clock())
            raise
    except Exception:
        registry.end_run(run_id, failed=True)
        raise
    registry.end_run(run_id)
    return Challenger(version=version, run_id=run_id, bundle=bundle)


def _register(
    definition: ModelDefinition,
    estimator: BaseEstimator,
    run_id: str,
    manifest: DatasetManifest,
    registry: Registry,
) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch) / "model"
        # Requirements are named, not inferred: inferring them loads the model in a new process.
        mlflow.sklearn.save_model(
            estimator,
            str(saved),
            serialization_format="skops",
            skops_trusted_types=SKOPS_TRUSTED_TYPES,
            pip_requirements=mlflow.sklearn.get_default_pip_requirements(include_skops=True),
        )
        return registry.register(definition.name, run_id, saved, manifest.dataset_id)


def _parameters(estimator: BaseEstimator, manifest: DatasetManifest) -> dict[str, object]:
    settings = {
        name: value
        for name, value in estimator.get_params().items()
        if value is None or isinstance(value, bool | int | float | str)
    }
    return {
        "dataset_id": manifest.dataset_id,
        "train_rows": manifest.train_rows,
        "holdout_rows": manifest.holdout_rows,
        "estimator": type(estimator).__name__,
        **settings,
    }


def _typed(labels: list[str]) -> np.ndarray[Any, Any]:
    names = set(labels)
    if names <= {"False", "True"}:
        return np.array([label == "True" for label in labels])
    if all(_INTEGER.fullmatch(name) for name in names):
        return np.array([int(label) for label in labels], dtype=np.int64)
    return np.array(labels, dtype=object)
