"""Rolling origins: models of the rows up to successive moments, each tried on the rows after it.

What a recipe would have done in the past says what it is worth: how far back it should look
(:mod:`evergreen.training.window`), and how fast its models age (:mod:`evergreen.training.aging`).
The newest rows are cut into blocks. A model is fitted on the rows before a block, and answers the
rows from there on. A block is what comes from one check to the next: in smaller ones the cost of a
missed retraining is lost in chance. Several origins say more than one, because one may be a good or
a bad stretch (L. Tashman, "Out-of-sample tests of forecasting accuracy: an analysis and review",
*International Journal of Forecasting* 16, 2000).

What is compared are recipes, so the fitted estimators answer themselves. Only what may serve is
exported.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from evergreen.datasets.schema import TIMESTAMP
from evergreen.datasets.splitting import with_split
from evergreen.datasets.steps import rows_per_step, steps_to_end, track_of, unknown_before
from evergreen.evaluation.bootstrap import resample
from evergreen.evaluation.class_probabilities import as_columns
from evergreen.evaluation.measure import measure_of
from evergreen.evaluation.metrics import block_length
from evergreen.evaluation.scoring import ground_truth_of
from evergreen.training.trainer import fit, to_features

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

    from evergreen.model_definition import ModelDefinition
    from evergreen.training.trainer import Trainer

ORIGINS = 8
"""Number of blocks. Each has a model of the rows before it."""
BLOCK_PERIODS = 4
"""A block has as many rows as a check brings, on average over so many of the newest periods."""
BLOCK_SHARES = 1 / 40, 1 / 8
"""Fewest and most rows of a block, as a share of all rows."""
FEWEST_BLOCK_ROWS = 40
"""With fewer rows in a block its score is chance."""
FEWEST_TRAINING_ROWS = 100
"""With fewer rows before it an origin has no model."""
SECONDS_TO_FIT = 240.0
"""After so many seconds no further model is fitted: the function that builds a data set may run for
15 minutes. A recipe that takes longer is studied at fewer origins, or at none."""
ROLLING_ORIGIN_ROW_CAP = 20_000
"""With more rows than this, the models use every second, third, ... row."""

_log = logging.getLogger(__name__)


class PastModel(NamedTuple):
    """What a model of the past learnt from.

    Parameters
    ----------
    before
        The number of the block before which it was fitted.
    part
        The part of the rows: 1 for all before that block, 2 for the newest half, and so on.
    lacks
        How many blocks of rows it lacks: as many as the newest so many have, drawn at random from
        all before the block.
    """

    before: int
    part: int = 1
    lacks: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class PairedAnswers:
    """Answers of two recipes to the same rows.

    Parameters
    ----------
    rows
        n rows, oldest first.
    truth, one, other
        Their ground truth and what each recipe answered, as the metric takes them.
    classes
        All classes; none for numbers.
    """

    rows: pa.Table
    truth: NDArray[Any]
    one: NDArray[Any]
    other: NDArray[Any]
    classes: list[str]

    def gains(self, definition: ModelDefinition) -> NDArray[np.float64]:
        """Return by how much the other recipe is better in each draw of the paired bootstrap."""
        measure = measure_of(definition)
        per_step = rows_per_step(definition, self.rows)
        one, other = resample(
            measure,
            self.truth,
            self.one,
            self.other,
            self.classes,
            block=block_length(definition, self.rows.num_rows, per_step),
        )
        gains: NDArray[np.float64] = other - one if measure.more_is_better else one - other
        return gains

    def is_other_better(self, definition: ModelDefinition) -> bool:
        """Return whether the other recipe's metric on these rows is better."""
        measure = measure_of(definition)
        scores = [
            measure.score(self.truth, answers, self.classes) for answers in (self.one, self.other)
        ]
        return scores[1] > scores[0] if measure.more_is_better else scores[1] < scores[0]


class RollingOrigins:
    """Models of the rows up to successive origins, each fitted when it is first asked for.

    Blocks are numbered from the newest, from 1. A model of block ``k`` was fitted on rows before
    that block. Rows of one moment are in one block.

    Parameters
    ----------
    definition
        The model.
    trainer
        Fits it.
    rows
        n rows to train on, with ``timestamp`` and target, oldest first.
    """

    def __init__(self, definition: ModelDefinition, trainer: Trainer, rows: pa.Table) -> None:
        self.definition = definition
        self._trainer = trainer
        self._began = time.monotonic()
        self._step: int = max(-(-rows.num_rows // ROLLING_ORIGIN_ROW_CAP), 1)
        self._rows = self._thinned(rows)
        self._count = int(self._rows.num_rows)
        self._block = self._rows_of_a_block()
        self._starts = self._starts_of_blocks()
        self._answers: dict[PastModel, NDArray[Any] | None] = {}
        truth = ground_truth_of(definition, self._rows) if self._count else np.array([])
        self._classes = sorted(set(truth)) if definition.task == "classification" else []
        self._truth = measure_of(definition).truth(truth, self._classes)

    @property
    def blocks(self) -> range:
        """The blocks that have enough rows before them for a model."""
        return range(1, len(self._starts))

    @property
    def block_rows(self) -> int:
        """About how many rows a block has, counted before any were left out."""
        return self._block * self._step

    def pairs(self, models: Iterable[tuple[PastModel, PastModel, int]]) -> list[PairedAnswers]:
        """Return the answers of pairs of models to a block each, without those that cannot be had.

        Parameters
        ----------
        models
            For each pair the one model, the other one, and the number of the block that both
            answer.
        """
        found = []
        for one, other, block in models:
            sides = [self._answered(model, block) for model in (one, other)]
            start, end = self._starts[block], self._starts[block - 1]
            if sides[0] is not None and sides[1] is not None and end > start:
                found.append(
                    PairedAnswers(
                        self._rows.slice(start, end - start),
                        self._truth[start:end],
                        sides[0],
                        sides[1],
                        self._classes,
                    )
                )
        return found

    def _thinned(self, rows: pa.Table) -> pa.Table:
        """Return every so many-th row, of several series of each: else some would be left out."""
        left = steps_to_end(track_of(self.definition, rows))
        thinned = rows.filter(pa.array(left % self._step == 0))
        return with_split(thinned, pa.repeat(pa.scalar(value=False), thinned.num_rows))

    def _rows_of_a_block(self) -> int:
        """Return how many rows come from one check to the next, within bounds.

        A model can be retrained at a check and not in between, so what a block costs is what a
        check without a retraining costs.
        """
        if not self._count:
            return FEWEST_BLOCK_ROWS
        times = self._rows[TIMESTAMP].to_numpy()
        period = min(schedule.every for schedule in self.definition.drift.schedules)
        began = times[-1] - BLOCK_PERIODS * np.timedelta64(period)
        newest = self._count - int(np.searchsorted(times, began, side="right"))
        least, most = (round(share * self._count) for share in BLOCK_SHARES)
        return max(min(max(newest // BLOCK_PERIODS, least), most), FEWEST_BLOCK_ROWS)

    def _starts_of_blocks(self) -> list[int]:
        """Return where each block starts, the newest first, after the end of all rows."""
        times = self._rows[TIMESTAMP].to_numpy()
        starts = [self._count]
        for number in range(1, ORIGINS + 1):
            start = self._count - number * self._block
            if start < FEWEST_TRAINING_ROWS:
                break
            starts.append(int(np.searchsorted(times, times[start])))
        return starts

    def _answered(self, model: PastModel, block: int) -> NDArray[Any] | None:
        if model not in self._answers:
            self._answers[model] = self._answers_after(model)
        answers = self._answers[model]
        if answers is None:
            return None
        first = self._starts[model.before]
        return answers[self._starts[block] - first : self._starts[block - 1] - first]

    def _answers_after(self, model: PastModel) -> NDArray[Any] | None:
        """Return what a model answers to all rows from its block on; None if it cannot be had."""
        if time.monotonic() - self._began > SECONDS_TO_FIT:
            _log.warning("no time for the model %s", model)
            return None
        start = self._starts[model.before]
        try:
            estimator = fit(self.definition, self._trainer, self._learnt_by(model))
            return self._predict(estimator, self._rows.slice(start))
        except Exception as error:  # noqa: BLE001 - whatever a trainer raises on so few rows
            _log.warning("%s cannot be had: %s: %s", model, type(error).__name__, error)
            return None

    def _learnt_by(self, model: PastModel) -> pa.Table:
        start = self._starts[model.before]
        learning = self._rows.slice(0, start)
        if self.definition.forecast is not None:
            unknown = unknown_before(self.definition, learning, np.arange(start))
            known = np.ones(start, bool)
            known[unknown] = False
            learning = learning.filter(pa.array(known))
        # As many rows as the part of all rows up to now would have.
        if model.part > 1:
            learning = learning.slice(max(learning.num_rows - self._count // model.part, 0))
        if model.lacks:
            fewer = start - self._starts[model.before + model.lacks]
            left = np.random.default_rng(start).permutation(learning.num_rows)[fewer:]
            learning = learning.take(np.sort(left))
        return learning

    def _predict(self, estimator: BaseEstimator, rows: pa.Table) -> NDArray[Any]:
        features = to_features(self.definition, rows)
        fitted: Any = estimator
        outputs = np.asarray(fitted.predict(features))
        if self.definition.task != "classification":
            return outputs.astype(np.float64).ravel()
        labels = np.array([str(label) for label in outputs.tolist()], dtype=object)
        measure = measure_of(self.definition)
        if not measure.takes_probabilities:
            return labels
        known = tuple(str(each) for each in fitted.classes_.tolist())
        probabilities = np.asarray(fitted.predict_proba(features), np.float64)
        places = {name: place for place, name in enumerate(known)}
        own = np.array([places[label] for label in labels])
        return measure.answers(
            labels,
            probabilities[np.arange(len(own)), own],
            self._classes,
            as_columns(probabilities, known, self._classes)
            if measure.has_columns(self._classes)
            else None,
        )


def joined(pairs: Sequence[PairedAnswers]) -> PairedAnswers:
    """Return pairs of answers as one, in the order that is given: the oldest rows first."""
    return PairedAnswers(
        pa.concat_tables([each.rows for each in pairs]),
        np.concatenate([each.truth for each in pairs]),
        np.concatenate([each.one for each in pairs]),
        np.concatenate([each.other for each in pairs]),
        pairs[0].classes,
    )
