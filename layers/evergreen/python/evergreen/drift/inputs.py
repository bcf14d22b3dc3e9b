"""The inputs of a drift check: reference and window, each read once and sampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from evergreen.datasets.holdout_predictions import read_holdout_predictions
from evergreen.datasets.schema import to_columns
from evergreen.datasets.store import read_dataset, read_manifest
from evergreen.drift.detectors.univariate import DRIFT_ROW_CAP
from evergreen.drift.model_outputs import CONFIDENCE, MODEL_OUTPUT, ModelOutputs, model_outputs_of
from evergreen.drift.sampling import RowSample
from evergreen.lake.tables import LABELS, REQUEST_LOG

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from evergreen.columns import Columns
    from evergreen.lake.reader import Lake
    from evergreen.model_definition import ModelDefinition
    from evergreen.production import ProductionPointer
    from evergreen.storage import Storage

_SEED = 20130101
_LABELLED = ("timestamp", "request_id", "row", MODEL_OUTPUT)


@dataclass(frozen=True, slots=True)
class DriftInputs:
    """What a drift check compares: reference and window, their predictions and ground truth."""

    rows: int
    """Rows of the window, sampled or not."""
    reference: Columns
    window: Columns
    """The features of at most :data:`DRIFT_ROW_CAP` rows each."""
    outputs: ModelOutputs
    labelled: pa.Table
    """The window's rows with known ground truth, with ``label`` and ``model_output``. If the window
    is sampled, they come from the sample."""
    holdout: pa.Table | None
    """The predictions of the version in production on its holdout, if they were kept."""


def read_drift_inputs(
    definition: ModelDefinition,
    pointer: ProductionPointer,
    lake: Lake,
    storage: Storage,
    *,
    start: datetime,
    end: datetime,
) -> DriftInputs:
    """Read the predictions of the version in production in ``[start, end)``, and its reference.

    A side with more than :data:`DRIFT_ROW_CAP` rows is sampled; the same rows give the same sample.
    Only the tested columns of the log are read, and never more rows at a time than a few times the
    cap. So a check's memory does not grow with the traffic.

    Raises
    ------
    EvergreenError
        If the reference dataset is missing.
    """
    reference = _reference(definition, pointer, storage)
    window = _window(definition, pointer.version, lake, start, end)
    sample = window.table()
    holdout = read_holdout_predictions(storage, definition.name, pointer.version)
    # A value beyond the range of float32 becomes infinite, as it does for the model.
    with np.errstate(over="ignore"):
        return DriftInputs(
            rows=window.rows,
            reference=reference,
            window=to_columns(definition, sample),
            outputs=model_outputs_of(definition, holdout and _sample(holdout), sample),
            labelled=lake.with_labels(definition, sample.select(_LABELLED), start),
            holdout=holdout,
        )


def has_enough_ground_truth(
    definition: ModelDefinition,
    pointer: ProductionPointer,
    lake: Lake,
    storage: Storage,
    at: datetime,
) -> bool:
    """Return whether a retraining at a moment had enough ground truth to evaluate a challenger.

    Every label since the champion's data set counts, repeated ones too. Reading stops as soon as
    there are enough.

    Raises
    ------
    EvergreenError
        If the champion's data set is missing.
    """
    since = read_manifest(storage, definition.name, pointer.reference_dataset_id).data_until
    missing = definition.evaluation.min_labelled_rows
    for labels in lake.batches(LABELS, definition, since, at, ()):
        missing -= labels.num_rows
        if missing <= 0:
            return True
    return False


def _reference(
    definition: ModelDefinition, pointer: ProductionPointer, storage: Storage
) -> Columns:
    rows = read_dataset(storage, definition.name, pointer.reference_dataset_id)
    with np.errstate(over="ignore"):
        return to_columns(definition, _sample(rows))


def _window(
    definition: ModelDefinition, version: str, lake: Lake, start: datetime, end: datetime
) -> RowSample:
    wanted = [*definition.features, MODEL_OUTPUT, CONFIDENCE, "model_version"]
    sample = RowSample(REQUEST_LOG, REQUEST_LOG.schema(definition, wanted), DRIFT_ROW_CAP)
    for logged in lake.batches(REQUEST_LOG, definition, start, end, wanted):
        by_champion = pc.equal(logged["role"], "champion")
        by_version = pc.equal(logged["model_version"], version)
        sample.add(logged.filter(pc.and_(by_champion, by_version)))
    return sample


def _sample(table: pa.Table) -> pa.Table:
    if table.num_rows <= DRIFT_ROW_CAP:
        return table
    chosen = np.random.default_rng(_SEED).choice(table.num_rows, DRIFT_ROW_CAP, replace=False)
    return table.take(np.sort(chosen))
