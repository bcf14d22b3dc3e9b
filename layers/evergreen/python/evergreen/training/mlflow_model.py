"""The model as MLflow's own clients load it: with signature, input example and the API's casts."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow.sklearn
import numpy as np
import pandas as pd
import skops.io
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import FLAVOR_NAME
from mlflow.types import ColSpec, DataType, Schema, TensorSpec

from evergreen.bundle.sklearn_engine import OWN_MODULE
from evergreen.columns import MISSING_CATEGORY
from evergreen.datasets.schema import to_columns
from evergreen.errors import BundleError
from evergreen.training import evergreen_pyfunc

if TYPE_CHECKING:
    import pyarrow as pa
    from sklearn.base import BaseEstimator

    from evergreen.model_definition import Feature, ModelDefinition


def save_mlflow_model(
    estimator: BaseEstimator, definition: ModelDefinition, rows: pa.Table, folder: Path
) -> None:
    """Write an estimator as an MLflow model of the flavours ``sklearn`` and ``python_function``.

    Parameters
    ----------
    estimator
        Fitted on the features of the definition.
    definition
        Gives the signature.
    rows
        Rows with the features, for the input example.
    folder
        Where to write; it must not exist.

    Raises
    ------
    BundleError
        If skops cannot keep it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        _save(estimator, definition, rows, folder, _own_file(definition, Path(scratch)))
    model = Model.load(str(folder))
    model.flavors[FLAVOR_NAME]["loader_module"] = Path(evergreen_pyfunc.__file__).stem
    model.save(str(folder / "MLmodel"))


def _own_file(definition: ModelDefinition, scratch: Path) -> list[str]:
    """Return a copy of ``training.py`` with the name as which the estimator's types know it."""
    name = OWN_MODULE + definition.name
    file = getattr(sys.modules.get(name), "__file__", None)
    if definition.serving == "onnx" or file is None:
        return []
    return [shutil.copyfile(file, scratch / f"{name}.py").as_posix()]


def _save(
    estimator: BaseEstimator,
    definition: ModelDefinition,
    rows: pa.Table,
    folder: Path,
    own: list[str],
) -> None:
    # Requirements are named, not inferred: inferring them loads the model in a new process.
    mlflow.sklearn.save_model(
        estimator,
        str(folder),
        serialization_format="skops",
        skops_trusted_types=own_types(estimator, definition.name),
        pip_requirements=mlflow.sklearn.get_default_pip_requirements(include_skops=True),
        signature=signature_of(definition, estimator),
        input_example=typical_row(definition, rows),
        code_paths=[evergreen_pyfunc.__file__, *own],
    )


def own_types(estimator: BaseEstimator, where: str) -> list[str]:
    """Return the types of an estimator beyond those that skops loads unasked.

    MLflow loads what it has just saved, and wants to know which types it may load. It is the
    estimator that was fitted in this process, so they are its own. Nothing of Evergreen loads the
    file later: what serves and what is compared are the bundles.

    Raises
    ------
    BundleError
        If skops cannot keep it.
    """
    try:
        saved = skops.io.dumps(estimator)
        types: list[str] = skops.io.get_untrusted_types(data=saved)
        skops.io.loads(saved, trusted=types)
    except Exception as error:
        raise BundleError(
            f"{type(estimator).__name__} cannot be saved without a pickle: {error}",
            where=where,
            fix="Use named functions and classes at the top level of training.py, no lambda.",
        ) from error
    return types


def signature_of(definition: ModelDefinition, estimator: BaseEstimator) -> ModelSignature:
    """Return what the model takes and gives, in the types that pandas reads from a file."""
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(_type_of(feature), name, required=not feature.nullable)
        for name, feature in definition.features.items()
    ]
    return ModelSignature(Schema(inputs), Schema([ColSpec(_output(definition, estimator))]))


def typical_row(definition: ModelDefinition, rows: pa.Table) -> pd.DataFrame:
    """Return one row of medians and most frequent categories, in the types of the signature.

    It is nobody's row: the artifact would keep a real one after its erasure.
    """
    columns = to_columns(definition, rows)
    return pd.DataFrame(
        {name: [_typical(feature, columns[name])] for name, feature in definition.features.items()}
    )


def _type_of(feature: Feature) -> DataType:
    if not feature.is_numeric:
        return DataType.string
    # pandas has whole numbers and truth values with gaps as floats.
    exact = {"integer": DataType.long, "boolean": DataType.boolean}
    return DataType.double if feature.nullable else exact.get(feature.type, DataType.double)


def _typical(feature: Feature, values: np.ndarray[Any, Any]) -> Any:  # noqa: ANN401 - of the feature's type
    if feature.type == "text":
        return "a text"  # a frequent one may be somebody's
    if feature.type == "category":
        known = values[values != MISSING_CATEGORY]
        names, counts = np.unique(known.astype(str), return_counts=True)
        return str(names[counts.argmax()]) if len(names) else MISSING_CATEGORY
    known = values[~np.isnan(values)]
    middle = float(np.median(known)) if len(known) else float("nan")
    kind = _type_of(feature)
    if kind is DataType.double:
        return middle
    return round(middle) if kind is DataType.long else bool(round(middle))


def _output(definition: ModelDefinition, estimator: BaseEstimator) -> DataType:
    if definition.task != "classification":
        return DataType.double
    labels: Any = getattr(estimator, "classes_", np.array([], dtype=object))
    return {"b": DataType.boolean, "i": DataType.long}.get(labels.dtype.kind, DataType.string)
