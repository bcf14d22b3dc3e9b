"""Models and their answers, each made once, whichever policies of a series want them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from evergreen.bundle.predictor import Predictor
from evergreen.datasets.holdout_predictions import to_holdout_file
from evergreen.datasets.schema import normalise, to_columns
from evergreen.datasets.splitting import HOLDOUT, TRAIN, rows_of, with_split
from evergreen.evaluation.evaluate import scores_of
from evergreen.training.refit import fit_bundles, sharpness_of_refit
from evergreen.training.rolling_origins import RollingOrigins
from evergreen.training.trainer import fit, to_features
from evergreen.training.window import choose_window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from typing import Any

    from numpy.typing import NDArray

    from evergreen.bundle.content import Bundle
    from tests.benchmarks.loop.series import Series


@dataclass(frozen=True, slots=True)
class Version:
    """A model as shipped: the bundle that serves, and the one that is judged, with its data set,
    its metric on the holdout, and what it answers there."""

    dataset_id: str
    bundle: Bundle
    judged: Bundle
    metric: float
    holdout: bytes


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A model of all its rows, which nobody judged: the estimator itself, and its rows."""

    dataset_id: str
    estimator: Any
    rows: pa.Table


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
    unjudged: dict[str, tuple[Unjudged, float]] = field(default_factory=dict)
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
            answers = to_holdout_file(
                definition,
                held_out,
                predictions,
                refit=bundles.is_refit,
                sharpness=sharpness_of_refit(definition, bundles, rows, predictions),
            )
            metric = scores[definition.metric]
            version = Version(dataset_id, bundles.serving, bundles.judged, metric, answers)
            self.versions[dataset_id] = version, time.process_time() - began
        return self.versions[dataset_id]

    def train_on_all(self, now: datetime, *, choose: bool) -> tuple[Unjudged, float]:
        """Return a model of every row whose outcome is known, and the seconds it took.

        Parameters
        ----------
        now
            Outcomes that come in later are not known.
        choose
            Train on those rows only that the shipped library would choose, of no more than
            ``training_window_rows``.
        """
        name = f"all of {now.isoformat()}{', our window' if choose else ''}"
        if name not in self.unjudged:
            began = time.process_time()
            definition, trainer = self.series.definition, self.series.trainer
            rows = self.known(now)
            if choose:
                kept = min(rows.num_rows, definition.retraining.training_window_rows)
                rows = rows.slice(rows.num_rows - kept)
                window = choose_window(RollingOrigins(definition, trainer, rows), rows)
                rows = rows.slice(window.of - window.rows)
            found = Unjudged(name, fit(definition, trainer, rows), rows)
            self.unjudged[name] = found, time.process_time() - began
        return self.unjudged[name]

    def known(self, now: datetime) -> pa.Table:
        """Return every row whose outcome is known, oldest first, all of them to train on."""
        series = self.series
        rows = series.between(None, now - series.label_delay)
        table = pa.Table.from_pandas(rows, preserve_index=False)
        everything = with_split(table, pa.repeat(pa.scalar(value=False), table.num_rows))
        return normalise(series.definition, everything).sort_by("timestamp")

    def answer(self, version: Version | Unjudged, period: int) -> tuple[Answers, float]:
        """Return what a model answers to a period's rows, and the seconds it took."""
        key = version.dataset_id, period
        if key not in self.answers:
            began = time.process_time()
            answers = self._answer(version, self.table(period))
            self.answers[key] = answers, time.process_time() - began
        return self.answers[key]

    def _answer(self, version: Version | Unjudged, rows: pa.Table) -> Answers:
        if not rows.num_rows:
            return Answers(np.array([], dtype=object), pa.array([], pa.float64()))
        confidences: Sequence[float] | None = None
        if isinstance(version, Unjudged):
            outputs = version.estimator.predict(to_features(self.series.definition, rows)).tolist()
        else:
            found = Predictor(version.bundle).predict(to_columns(self.series.definition, rows))
            outputs, confidences = found.outputs, found.confidences
        unknown = pa.nulls(len(outputs))
        texts = np.array(self._as_text(outputs), dtype=object)
        return Answers(texts, pa.array(confidences or unknown, pa.float64()))

    def ground_truth(self, period: int) -> NDArray[np.object_]:
        """Return a period's outcomes, as answers are given."""
        values = self.table(period)[self.series.definition.target].to_pylist()
        return np.array(self._as_text(values), dtype=object)

    def table(self, period: int) -> pa.Table:
        """Return a period's rows."""
        rows = self.series.between(*self.series.periods[period])
        return pa.Table.from_pandas(rows, preserve_index=False)

    @cached_property
    def positive(self) -> str:
        """The class that F1 is about: the last one. A period need not have a row of it."""
        return max(str(value) for value in self.series.rows[self.series.definition.target].unique())

    def _as_text(self, outcomes: Sequence[object]) -> list[Any]:
        classes = self.series.definition.task == "classification"
        form: Callable[[object], object] = str if classes else lambda outcome: outcome
        return [form(outcome) for outcome in outcomes]
