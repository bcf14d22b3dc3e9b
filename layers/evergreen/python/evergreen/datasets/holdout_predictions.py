"""Holdout predictions: the reference for the later predictions of a version.

Predictions on training rows are no reference, because a model is more confident and more often
right on rows that it has seen. The file is next to the version's bundle at
``bundles/<model>/<version>/`` and is deleted with it. Serving does not read it. Its columns are
``timestamp``, ``label``, ``model_output`` and ``confidence``; of a model that gives probabilities
of at most 20 classes, or whose metric scores them, ``probabilities``; and of a time series the
features that tell series and steps ahead. All have the form of the request log and the ground
truth, oldest row first. Where another fit serves, the file says how much surer that one is.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.bundle.sharpness import Sharpness
from evergreen.bundle.store import bundle_key
from evergreen.datasets.schema import TIMESTAMP
from evergreen.lake.tables import TIMESTAMP_TYPE
from evergreen.model_definition.definition import PROBABILITIES

if TYPE_CHECKING:
    from evergreen.bundle.predictor import Predictions
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

HOLDOUT_FILE = "holdout_predictions.parquet"
_REFIT = "refit"
_SHARPNESS = "sharpness"
_FEW_CLASSES = 20


def holdout_key(model: str, version: str) -> str:
    """Return the key of a version's predictions on its holdout."""
    return bundle_key(model, version) + HOLDOUT_FILE


def to_holdout_file(
    definition: ModelDefinition,
    rows: pa.Table,
    predictions: Predictions,
    *,
    refit: bool = False,
    sharpness: Sharpness | None = None,
) -> bytes:
    """Return the file of a version's predictions on its holdout.

    Parameters
    ----------
    definition
        The model's.
    rows
        The n rows of the holdout, as the data set orders them; there may be none.
    predictions
        What the version's judged model predicts for them.
    refit
        Whether another fit of the recipe serves.
    sharpness
        How much surer that one is, where it gives probabilities.
    """
    classification = definition.task == "classification"
    label_type = pa.string() if classification else pa.float64()
    found = predictions.outputs
    outputs = [str(label) for label in found] if classification else found
    confidences = predictions.confidences or pa.nulls(rows.num_rows)
    table = pa.table(
        {
            "timestamp": rows[TIMESTAMP].cast(TIMESTAMP_TYPE),
            "label": rows[definition.target].cast(label_type),
            "model_output": pa.array(outputs, label_type),
            "confidence": pa.array(confidences, pa.float64()),
        }
    )
    # Of many classes they take much room, so they are kept only where the metric scores them now.
    scored = definition.evaluation.takes_probabilities or len(predictions.classes) <= _FEW_CLASSES
    if scored and (shares := predictions.by_class()) is not None:
        table = table.append_column(PROBABILITIES, pa.array(map(json.dumps, shares), pa.string()))
    for name in definition.step_features:
        table = table.append_column(name, rows[name])
    about = {_REFIT: str(refit)}
    if sharpness is not None:
        about[_SHARPNESS] = json.dumps([sharpness.factor, sharpness.classes])
    table = table.replace_schema_metadata(about)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def read_holdout_predictions(storage: Storage, model: str, version: str) -> pa.Table | None:
    """Return a version's predictions on its holdout; None if they were not kept."""
    body = storage.get(holdout_key(model, version))
    return None if body is None else pq.read_table(io.BytesIO(body))


def is_of_another_fit(holdout: pa.Table) -> bool:
    """Return whether the predictions are of a model that does not serve itself: of a refit."""
    known: dict[bytes, bytes] = holdout.schema.metadata or {}
    return known.get(_REFIT.encode()) == b"True"


def sharpness_of(holdout: pa.Table) -> Sharpness | None:
    """Return how much surer the fit is that serves; None if it is this one, or nothing says it.

    Files of versions from before this was kept do not say it.
    """
    known: dict[bytes, bytes] = holdout.schema.metadata or {}
    found = known.get(_SHARPNESS.encode())
    if found is None:
        return None
    factor, classes = json.loads(found)
    return Sharpness(float(factor), int(classes))
