"""The inputs of a drift check: reference and window, each read once and sampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.datasets.holdout_predictions import read_holdout_predictions
from evergreen.datasets.manifest import read_manifest
from evergreen.datasets.pace import window_rows_needed
from evergreen.datasets.schema import KEY, SPLIT, to_columns
from evergreen.datasets.splitting import HOLDOUT, without_older
from evergreen.datasets.store import read_dataset
from evergreen.drift.model_outputs import CONFIDENCE, MODEL_OUTPUT, ModelOutputs, model_outputs_of
from evergreen.drift.sampling import RowSample
from evergreen.drift.window_query import DRIFT_ROW_CAP
from evergreen.lake.tables import LABELS, REQUEST_LOG, TIMESTAMP_TYPE
from evergreen.lake.usable_labels import usable_labels
from evergreen.model_definition.definition import PROBABILITIES

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from evergreen.columns import Columns
    from evergreen.datasets.manifest import DatasetManifest
    from evergreen.lake.query_output import QueryOutput
    from evergreen.lake.reader import Lake
    from evergreen.model_definition import ModelDefinition
    from evergreen.production import ProductionPointer
    from evergreen.storage import Storage

_SEED = 20130101
_DOUBLINGS = 5
"""A window with too few rows is doubled so often at most: a day becomes a month."""
_POSITION = "position"
_LABELLED = ("timestamp", "request_id", "row", MODEL_OUTPUT, CONFIDENCE, _POSITION)


@dataclass(frozen=True, slots=True)
class DriftInputs:
    """What a drift check compares: reference and window, their predictions and ground truth."""

    champion: DatasetManifest
    """The data set of the version in production."""
    start: datetime
    """Start of the window: earlier than was asked for if that had too few rows."""
    min_rows: int
    """Fewest rows that allow a verdict."""
    rows: int
    """Rows of the window, sampled or not."""
    reference: Columns
    window: Columns
    """The features of at most :data:`DRIFT_ROW_CAP` rows each."""
    outputs: ModelOutputs
    labelled: pa.Table
    """The window's rows with known ground truth, with ``label``, ``model_output`` and ``position``,
    their place in ``window``. If the window is sampled, they come from the sample."""
    holdout: pa.Table | None
    """The predictions of the version in production on its holdout, if they were kept."""
    answers: pa.Table
    """What the version answered in the window, as many rows as ``window``: ``model_output`` and
    ``confidence``, and ``probabilities`` where the metric scores them."""
    holdout_features: Columns | None
    """The features of the holdout, for a model of numbers with a holdout."""

    @property
    def labelled_features(self) -> Columns:
        """The features of ``labelled``, in its order."""
        places = self.labelled[_POSITION].to_numpy()
        return {name: values[places] for name, values in self.window.items()}


@dataclass(frozen=True, slots=True)
class QueriedWindow:
    """A window that a query of :func:`evergreen.drift.window_query.window_query` has read.

    Parameters
    ----------
    lake
        The log, for what the query does not answer.
    output
        What the query found.
    """

    lake: Lake
    output: QueryOutput


def read_drift_inputs(
    definition: ModelDefinition,
    pointer: ProductionPointer,
    lake: Lake | QueriedWindow,
    storage: Storage,
    *,
    start: datetime,
    end: datetime,
) -> DriftInputs:
    """Read the predictions of the version in production in ``[start, end)``, and its reference.

    A side with more than :data:`DRIFT_ROW_CAP` rows is sampled; the same rows give the same sample.
    Only the tested columns of the log are read, and never more rows at a time than a few times the
    cap. So a check's memory does not grow with the traffic.

    A window with too few rows for a verdict is doubled until it has enough, or reaches back to the
    promotion. So a model with little traffic needs no window of its own. What a query has read
    stays as it is.

    Parameters
    ----------
    definition, pointer
        The model and what serves it.
    lake, storage
        The log, or what a query found in it; and the data bucket.
    start, end
        The window.

    Raises
    ------
    EvergreenError
        If the reference dataset is missing.
    """
    champion = read_manifest(storage, definition.name, pointer.reference_dataset_id)
    needed = window_rows_needed(definition, champion)
    reference = _reference(definition, champion, storage)
    steps = definition.step_features
    answered = [*_LABELLED, *_probabilities(definition), *steps]
    if isinstance(lake, QueriedWindow):
        count, sample = _queried(lake.output, definition)
        sample = _numbered(sample)
        known = sample.filter(pc.is_valid(sample["labelled_at"]))
        labelled = known.select([*answered, "label", "observed_at", "labelled_at"])
    else:
        window = _window(definition, pointer.version, lake, start, end)
        for _ in range(_DOUBLINGS):
            if window.rows >= needed or start <= pointer.promoted_at:
                break
            start = max(end - 2 * (end - start), pointer.promoted_at)
            window = _window(definition, pointer.version, lake, start, end)
        count, sample = window.rows, _numbered(window.table())
        labelled = lake.with_labels(definition, sample.select(answered), start)
    holdout = read_holdout_predictions(storage, definition.name, pointer.version)
    learns_from_holdout = definition.task != "classification" and holdout is not None
    # A value beyond the range of float32 becomes infinite, as it does for the model.
    with np.errstate(over="ignore"):
        return DriftInputs(
            champion=champion,
            start=start,
            min_rows=needed,
            rows=count,
            reference=reference,
            window=to_columns(definition, sample),
            outputs=model_outputs_of(definition, holdout and _sample(holdout), sample),
            labelled=labelled,
            holdout=holdout,
            answers=sample.select([MODEL_OUTPUT, CONFIDENCE, *_probabilities(definition), *steps]),
            holdout_features=(
                read_holdout_features(definition, champion, storage)
                if learns_from_holdout
                else None
            ),
        )


def count_labelled_rows(
    definition: ModelDefinition,
    lake: Lake | QueriedWindow,
    since: datetime,
    until: datetime,
    *,
    enough: int,
) -> int:
    """Return how many rows were labelled between two moments, or at least ``enough``.

    A row counts once, however often it was labelled or its label is read: a retraining that is
    announced must find as many. Reading stops as soon as there are ``enough``. Only hashes of the
    keys are kept, which takes about 120 bytes a row.
    """
    lake = lake.lake if isinstance(lake, QueriedWindow) else lake
    found: set[int] = set()
    for labels in lake.batches(LABELS, definition, since, until, ("label",)):
        usable = usable_labels(labels, definition)
        keys = zip(*(usable[name].to_pylist() for name in KEY), strict=True)
        found.update(map(hash, keys))
        if len(found) >= enough:
            break
    return len(found)


def _reference(definition: ModelDefinition, manifest: DatasetManifest, storage: Storage) -> Columns:
    chosen = _chosen(manifest.rows - manifest.older_rows)
    parts, first = [], 0
    for some in read_dataset(
        storage, definition.name, manifest.dataset_id, columns=[*definition.features, SPLIT]
    ):
        rows = without_older(some)
        here = chosen[(chosen >= first) & (chosen < first + rows.num_rows)]
        parts.append(rows.take(here - first))
        first += rows.num_rows
    with np.errstate(over="ignore"):
        return to_columns(definition, pa.concat_tables(parts))


def read_holdout_features(
    definition: ModelDefinition, manifest: DatasetManifest, storage: Storage
) -> Columns:
    """Return the features of a data set's holdout, in the order of the predictions on it."""
    parts = read_dataset(
        storage,
        definition.name,
        manifest.dataset_id,
        columns=definition.features,
        split=HOLDOUT,
    )
    return to_columns(definition, pa.concat_tables(parts))


def _probabilities(definition: ModelDefinition) -> list[str]:
    return [PROBABILITIES] if definition.evaluation.takes_probabilities else []


def _numbered(rows: pa.Table) -> pa.Table:
    return rows.append_column(_POSITION, pa.array(np.arange(rows.num_rows)))


def _queried(output: QueryOutput, definition: ModelDefinition) -> tuple[int, pa.Table]:
    """Return the number of rows in the window, and the sample, in order of time."""
    tables = list(output.batches(definition))
    if not tables:
        wanted = REQUEST_LOG.schema(definition)
        labels = LABELS.schema(definition)
        more = [labels.field("label"), labels.field("observed_at")]
        fields = [*wanted, *more, pa.field("labelled_at", TIMESTAMP_TYPE)]
        return 0, pa.schema(fields).empty_table()
    rows = pa.concat_tables(tables)
    order = [(name, "ascending") for name in ("timestamp", *REQUEST_LOG.key)]
    return rows["window_rows"][0].as_py(), rows.sort_by(order)


def _window(
    definition: ModelDefinition, version: str, lake: Lake, start: datetime, end: datetime
) -> RowSample:
    answers = [MODEL_OUTPUT, CONFIDENCE, *_probabilities(definition), "model_version"]
    wanted = [*definition.features, *answers]
    sample = RowSample(REQUEST_LOG, REQUEST_LOG.schema(definition, wanted), DRIFT_ROW_CAP)
    for logged in lake.batches(REQUEST_LOG, definition, start, end, wanted):
        by_champion = pc.equal(logged["role"], "champion")
        by_version = pc.equal(logged["model_version"], version)
        sample.add(logged.filter(pc.and_(by_champion, by_version)))
    return sample


def _sample(table: pa.Table) -> pa.Table:
    return table.take(_chosen(table.num_rows))


def _chosen(rows: int) -> NDArray[np.int64]:
    """Return which of some rows are tested: all, or a sample that depends on their number."""
    if rows <= DRIFT_ROW_CAP:
        return np.arange(rows)
    chosen = np.random.default_rng(_SEED).choice(rows, DRIFT_ROW_CAP, replace=False)
    return np.sort(chosen)
