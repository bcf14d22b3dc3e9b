"""What a version answered on the rows it was never trained on: the yardstick for its later answers.

Answers on rows of training would not do: a model is surer, and more often right, about what it has
seen. The file lies beside the version's bundle at ``bundles/<model>/<version>/`` and goes with it;
serving does not read it. Its columns are ``timestamp``, ``label``, ``model_output`` and
``confidence``, each as the request log and the ground truth have it; oldest row first.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.bundle.store import bundle_key
from evergreen.datasets.schema import TIMESTAMP
from evergreen.lake.tables import TIMESTAMP_TYPE

if TYPE_CHECKING:
    from evergreen.bundle.predictor import Predictions
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

HOLDOUT_FILE = "holdout_predictions.parquet"


def holdout_key(model: str, version: str) -> str:
    """Return the key of a version's answers on its holdout."""
    return bundle_key(model, version) + HOLDOUT_FILE


def holdout_answers(definition: ModelDefinition, rows: pa.Table, predictions: Predictions) -> bytes:
    """Return the file of a version's answers.

    Parameters
    ----------
    definition
        The model's.
    rows
        The n rows of the holdout, as the data set orders them; there may be none.
    predictions
        What the version answers for them.
    """
    classification = definition.task == "classification"
    outcome = pa.string() if classification else pa.float64()
    answers = predictions.outputs
    outputs = [str(label) for label in answers] if classification else answers
    confidences = predictions.confidences or pa.nulls(rows.num_rows)
    table = pa.table(
        {
            "timestamp": rows[TIMESTAMP].cast(TIMESTAMP_TYPE),
            "label": rows[definition.target].cast(outcome),
            "model_output": pa.array(outputs, outcome),
            "confidence": pa.array(confidences, pa.float64()),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def read_holdout_answers(storage: Storage, model: str, version: str) -> pa.Table | None:
    """Return a version's answers on its holdout; None if they were not kept."""
    body = storage.get(holdout_key(model, version))
    return None if body is None else pq.read_table(io.BytesIO(body))
