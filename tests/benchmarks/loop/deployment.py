"""One model in production in a recorded world: the shipped stations on a clock of their own.

Drift check, data set, training, export and comparison are the library's. Only what lies between
them is replaced: the request log is a table in memory that already has a row's outcome and the
moment it comes in, the bucket is a folder, and a registry is not needed to tell which model is
better.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.bundle.predictor import Predictor
from evergreen.bundle.store import bundle_key
from evergreen.datasets.builder import build_dataset
from evergreen.datasets.holdout_predictions import holdout_key, to_holdout_file
from evergreen.datasets.schema import to_columns
from evergreen.datasets.splitting import HOLDOUT, TRAIN, rows_of, split_rows
from evergreen.datasets.store import load_dataset, write_dataset
from evergreen.drift.check import run_check
from evergreen.errors import NotEnoughDataError
from evergreen.evaluation.evaluate import compare, scores_of
from evergreen.lake.reader import Lake
from evergreen.lake.tables import LABELS
from evergreen.production import ProductionPointer
from evergreen.training.refit import fit_bundles
from evergreen.training.window import choose_window
from tests.support.lake_tables import catalog_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime
    from typing import Any

    from numpy.typing import NDArray

    from evergreen.bundle.store import Bundle
    from evergreen.datasets.store import DatasetManifest
    from evergreen.drift.check import CheckResult
    from evergreen.evaluation.comparison import Comparison
    from evergreen.lake.tables import TableKind
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage
    from tests.benchmarks.loop.series import Series

CHECK, BUILD, TRAIN_MODEL, EVALUATE, SERVE = "check", "dataset", "train", "evaluate", "serve"
LOOP = (CHECK, BUILD, TRAIN_MODEL, EVALUATE)
"""The stations that are Lambdas of the loop; serving is paid for whatever the policy."""


@dataclass(frozen=True, slots=True)
class Version:
    """A trained model: the bundle that serves, and the one that is judged, with its data set, its
    metric on the holdout, and what it answers there."""

    bundle: Bundle
    judged: Bundle
    dataset_id: str
    metric: float
    holdout: bytes


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model answers to n rows, and how sure it is."""

    outputs: NDArray[np.object_]
    confidences: pa.Array


@dataclass
class Workshop:
    """Trains and predicts for every policy of a series, each data set and each period once.

    Training is deterministic, so what one policy trained another one may take: it is charged the
    seconds that were measured then.
    """

    series: Series
    versions: dict[str, tuple[Version, float]] = field(default_factory=dict)
    answers: dict[tuple[str, int], tuple[Answers, float]] = field(default_factory=dict)

    def train(self, dataset_id: str, rows: pa.Table) -> tuple[Version, float]:
        """Return the model of a data set, and the seconds it took to train and export."""
        if dataset_id not in self.versions:
            began = time.process_time()
            definition = self.series.definition
            bundles = fit_bundles(definition, self.series.trainer, rows, dataset_id).bundles
            training, held_out = (rows_of(rows, split) for split in (TRAIN, HOLDOUT))
            scores = scores_of(definition, bundles.judged, held_out, training=training)
            predictions = Predictor(bundles.judged).predict(to_columns(definition, held_out))
            answers = to_holdout_file(definition, held_out, predictions)
            version = Version(
                bundles.serving, bundles.judged, dataset_id, scores[definition.metric], answers
            )
            self.versions[dataset_id] = version, time.process_time() - began
        return self.versions[dataset_id]

    def answer(self, version: Version, period: int) -> tuple[Answers, float]:
        """Return what a model answers to a period's rows, and the seconds it took."""
        key = version.dataset_id, period
        if key not in self.answers:
            began = time.process_time()
            columns = to_columns(self.series.definition, self.table(period))
            found = Predictor(version.bundle).predict(columns)
            outputs = self._as_text(found.outputs)
            unknown = pa.nulls(len(outputs))
            confidences = pa.array(found.confidences or unknown, pa.float64())
            answers = Answers(np.array(outputs, dtype=object), confidences)
            self.answers[key] = answers, time.process_time() - began
        return self.answers[key]

    def ground_truth(self, period: int) -> NDArray[np.object_]:
        """Return a period's outcomes, as answers are given."""
        values = self.table(period)[self.series.definition.target].to_pylist()
        return np.array(self._as_text(values), dtype=object)

    def table(self, period: int) -> pa.Table:
        """Return a period's rows."""
        rows = self.series.between(*self.series.periods[period])
        return pa.Table.from_pandas(rows, preserve_index=False)

    def _as_text(self, outcomes: Sequence[object]) -> list[Any]:
        classes = self.series.definition.task == "classification"
        return [str(outcome) if classes else outcome for outcome in outcomes]


class RecordedLake(Lake):
    """The request log of a replay: what was served, and of that what is labelled by now."""

    def __init__(self, storage: Storage, deployment: Deployment) -> None:
        super().__init__(storage, catalog_in(storage), clock=lambda: deployment.now)
        self._served: list[pa.Table] = []

    def serve(self, table: pa.Table) -> None:
        """Add answered rows with their label and the moment it comes in."""
        self._served.append(table)

    def batches(
        self,
        kind: TableKind,
        definition: ModelDefinition,
        start: datetime,
        end: datetime,
        columns: Collection[str] | None = None,
    ) -> Iterator[pa.Table]:
        """Yield what was served, or the outcomes that came in, within ``start <= moment < end``."""
        schema = kind.schema(definition, columns)
        # A reader looks ahead for clocks that differ; here there is one clock, and a future.
        end = min(end, self._clock() + timedelta(seconds=1))
        for rows in self._served:
            if kind is LABELS:
                came_in = rows["observed_at"]
                table = rows.drop_columns(["timestamp"]).append_column("timestamp", came_in)
            else:
                table = rows
            yield _within(table, "timestamp", start, end).select(schema.names).cast(schema)


class Deployment:
    """A model in production, with what its retraining has cost.

    Parameters
    ----------
    workshop
        Trains, and predicts.
    storage
        An empty bucket of its own.
    """

    def __init__(self, workshop: Workshop, storage: Storage) -> None:
        self.workshop = workshop
        self.series = workshop.series
        self.now = self.series.bounds[0]
        self.storage = storage
        self.lake = RecordedLake(self.storage, self)
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self._begin()
        self.seconds.clear()
        self.calls.clear()

    def serve(self, period: int) -> NDArray[np.object_]:
        """Answer a period's rows with the champion, log them, and let the period pass."""
        answers, seconds = self.workshop.answer(self.champion, period)
        self.seconds[SERVE] += seconds
        self.lake.serve(self._logged(period, answers))
        self.now = self.series.periods[period][1]
        return answers.outputs

    def check(self) -> CheckResult:
        """Check the newest window, as the scheduled function does."""
        period = max((start, end) for start, end in self.series.periods if end <= self.now)
        start = min(period[0], self.now - self.series.window)
        with self.timed(CHECK):
            return run_check(
                self.series.definition,
                self.pointer,
                self.lake,
                self.storage,
                start=start,
                end=self.now,
                clock=lambda: self.now,
            )

    def build(
        self, *, min_rows: int | None = None, all_rows: bool = False
    ) -> DatasetManifest | None:
        """Build a challenger's data set, or None if too few rows are labelled.

        Parameters
        ----------
        min_rows
            Fewest rows that will do; as the model says if not given.
        all_rows
            Train on all rows that there is room for, also where older ones do harm.
        """
        definition = self.series.definition
        choose = partial(choose_window, definition, self.series.trainer)
        if min_rows is not None:
            evaluation = definition.evaluation.model_copy(update={"min_labelled_rows": min_rows})
            definition = definition.model_copy(update={"evaluation": evaluation})
        try:
            with self.timed(BUILD):
                return build_dataset(
                    self.storage,
                    self.lake,
                    definition,
                    self.pointer,
                    choose_window=None if all_rows else choose,
                    clock=lambda: self.now,
                )
        except NotEnoughDataError:
            return None

    def train(self, manifest: DatasetManifest) -> Version:
        """Train a challenger."""
        rows = load_dataset(self.storage, self.series.definition.name, manifest.dataset_id)
        version, seconds = self.workshop.train(manifest.dataset_id, rows)
        self.seconds[TRAIN_MODEL] += seconds
        self.calls[TRAIN_MODEL] += 1
        return version

    def compare(self, challenger: Version) -> Comparison:
        """Compare it with the champion on the holdout of its data set."""
        rows = load_dataset(self.storage, self.series.definition.name, challenger.dataset_id)
        with self.timed(EVALUATE):
            return compare(
                self.series.definition,
                rows_of(rows, HOLDOUT),
                training=rows_of(rows, TRAIN),
                champion=self.champion.judged,
                challenger=challenger.judged,
            )

    def promote(self, version: Version) -> None:
        """Point production at a version."""
        model = self.series.definition.name
        self.storage.put(holdout_key(model, version.dataset_id), version.holdout)
        self.champion = version
        self.pointer = ProductionPointer(
            version=version.dataset_id,
            bundle_uri=self.storage.uri(bundle_key(model, version.dataset_id)),
            sha256="",
            reference_dataset_id=version.dataset_id,
            promoted_at=self.now,
            metric=version.metric,
        )

    @contextmanager
    def timed(self, station: str) -> Iterator[None]:
        """Charge what is done here to a station."""
        began = time.process_time()
        try:
            yield
        finally:
            self.seconds[station] += time.process_time() - began
            self.calls[station] += 1

    def _begin(self) -> None:
        """Train the first champion by hand, on what lies before the first period."""
        definition = self.series.definition
        rows = self.series.between(None, self.now - self.series.label_delay)
        table = split_rows(definition, pa.Table.from_pandas(rows, preserve_index=False))
        manifest = write_dataset(
            self.storage,
            definition,
            table,
            sources=["recorded"],
            data_until=self.now,
            clock=lambda: self.now,
        )
        self.promote(self.train(manifest))

    def _logged(self, period: int, answers: Answers) -> pa.Table:
        rows = self.workshop.table(period)
        count = rows.num_rows
        classes = self.series.definition.task == "classification"
        kind = pa.string() if classes else pa.float64()
        labels = self.workshop.ground_truth(period)
        delay = pa.scalar(self.series.label_delay, pa.duration("us"))
        known = pc.add(rows["timestamp"], delay)
        columns = {
            "timestamp": rows["timestamp"],
            "request_id": pa.array([f"{period}-{number}" for number in range(count)]),
            "row": pa.array(np.zeros(count, np.int64)),
            "model_version": pa.array([self.champion.dataset_id] * count),
            "role": pa.array(["champion"] * count),
            "model_output": pa.array(answers.outputs.tolist(), kind),
            "confidence": answers.confidences,
            **{
                name: rows[name].cast(pa.float64() if feature.is_numeric else pa.string())
                for name, feature in self.series.definition.features.items()
            },
            "input_data": pa.nulls(count, pa.string()),
            "metadata": pa.nulls(count, pa.string()),
            "label": pa.array(labels.tolist(), kind),
            "observed_at": known,
        }
        return pa.table(columns)


def _within(rows: pa.Table, column: str, start: datetime, end: datetime) -> pa.Table:
    times = rows[column]
    low, high = (pa.scalar(moment, times.type) for moment in (start, end))
    return rows.filter(pc.and_(pc.greater_equal(times, low), pc.less(times, high)))
