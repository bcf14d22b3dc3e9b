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
from functools import partial
from typing import TYPE_CHECKING
from unittest.mock import patch

import pyarrow as pa

from evergreen.bundle.store import bundle_key
from evergreen.datasets.builder import build_dataset
from evergreen.datasets.holdout_predictions import holdout_key, read_holdout_predictions
from evergreen.datasets.manifest import RowStudy, read_manifest
from evergreen.datasets.schema import normalise
from evergreen.datasets.splitting import HOLDOUT, TRAIN, rows_of, split_rows
from evergreen.datasets.store import load_dataset, write_dataset
from evergreen.drift import check
from evergreen.errors import NotEnoughDataError
from evergreen.evaluation.circumstances import circumstances_of
from evergreen.evaluation.evaluate import compare
from evergreen.production import ProductionPointer
from evergreen.training.row_study import study_aging, study_rows
from tests.benchmarks.loop.recorded_lake import RecordedLake, logged
from tests.benchmarks.loop.workshop import Unjudged, Version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from evergreen.datasets.manifest import DatasetManifest
    from evergreen.drift.check import CheckResult
    from evergreen.evaluation.comparison import Comparison
    from evergreen.events import Ground
    from evergreen.storage import Storage
    from tests.benchmarks.loop.workshop import Workshop

CHECK, BUILD, TRAIN_MODEL, EVALUATE, SERVE = "check", "dataset", "train", "evaluate", "serve"
LOOP = (CHECK, BUILD, TRAIN_MODEL, EVALUATE)
"""The stations that are Lambdas of the loop; serving is paid for whatever the policy."""


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
        self.champion: Version | Unjudged
        self.storage = storage
        self.lake = RecordedLake(self.storage, lambda: self.now)
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self.served: list[tuple[str, NDArray[np.object_]]] = []
        """For each period so far, who answered, and what."""
        self._begin()
        self.seconds.clear()
        self.calls.clear()

    def serve(self, period: int) -> NDArray[np.object_]:
        """Answer a period's rows with the champion, log them, and let the period pass."""
        answers, seconds = self.workshop.answer(self.champion, period)
        self.seconds[SERVE] += seconds
        name = self.champion.dataset_id
        self.served.append((name, answers.outputs))
        self.lake.serve(logged(self.workshop, period, name, answers))
        self.now = self.series.periods[period][1]
        return answers.outputs

    def check(self) -> CheckResult:
        """Check the newest window, as the scheduled function does, but draw no report.

        Drawing it for nobody to look at takes most of a check's time, and decides nothing.
        """
        period = max((start, end) for start, end in self.series.periods if end <= self.now)
        start = min(period[0], self.now - self.series.window)
        with self.timed(CHECK), patch.object(check, "render_report", return_value=""):
            return check.run_check(
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
        study = partial(study_rows, definition, self.series.trainer)
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
                    study=None if all_rows else study,
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

    def train_on_all(self, *, choose: bool = False) -> Unjudged:
        """Train a model of every row whose outcome is known, without a holdout."""
        version, seconds = self.workshop.train_on_all(self.now, choose=choose)
        self.seconds[TRAIN_MODEL] += seconds
        self.calls[TRAIN_MODEL] += 1
        return version

    def training_rows(self) -> pa.Table:
        """Return the rows that the champion was trained on."""
        if isinstance(self.champion, Unjudged):
            return self.champion.rows
        model = self.series.definition.name
        return load_dataset(self.storage, model, self.champion.dataset_id, split=TRAIN)

    def compare(self, challenger: Version, because: Collection[Ground]) -> Comparison:
        """Compare it with the champion on the holdout of its data set.

        Parameters
        ----------
        challenger
            A version that is not in production.
        because
            The grounds on which it was trained.
        """
        assert isinstance(self.champion, Version)
        rows = load_dataset(self.storage, self.series.definition.name, challenger.dataset_id)
        with self.timed(EVALUATE):
            return compare(
                self.series.definition,
                rows_of(rows, HOLDOUT),
                training=rows_of(rows, TRAIN),
                champion=self.champion.judged,
                serving=self.champion.bundle,
                challenger=challenger.judged,
                champion_holdout=self._holdout(),
                circumstances=circumstances_of(
                    self._manifest(challenger.dataset_id),
                    self._manifest(self.pointer.reference_dataset_id),
                    because,
                ),
            )

    def promote(self, version: Version | Unjudged) -> None:
        """Point production at a version."""
        model = self.series.definition.name
        self.champion = version
        if isinstance(version, Unjudged):
            return  # whoever deploys it asks neither the drift check nor the comparison
        self.storage.put(holdout_key(model, version.dataset_id), version.holdout)
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

    def _manifest(self, dataset_id: str) -> DatasetManifest:
        return read_manifest(self.storage, self.series.definition.name, dataset_id)

    def _holdout(self) -> pa.Table | None:
        model = self.series.definition.name
        return read_holdout_predictions(self.storage, model, self.pointer.version)

    def _begin(self) -> None:
        """Train the first champion by hand, on what lies before the first period."""
        definition = self.series.definition
        rows = self.series.between(None, self.now - self.series.label_delay)
        table = split_rows(definition, pa.Table.from_pandas(rows, preserve_index=False))
        normal = rows_of(normalise(definition, table), TRAIN)
        manifest = write_dataset(
            self.storage,
            definition,
            table,
            sources=["recorded"],
            study=RowStudy(study_aging(definition, self.series.trainer, normal)),
            data_until=self.now,
            clock=lambda: self.now,
        )
        self.promote(self.train(manifest))
