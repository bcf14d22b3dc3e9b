"""The training window: all rows, or only the newest ones where older rows make the model worse.

After a change in the data, older rows stay in the training data for a long time. A model of rows
from before and after the change predicts neither well. So models of the newest half, quarter and
eighth compete with the model of all rows on the very newest rows (R. Klinkenberg and T. Joachims,
"Detecting concept drift with support vector machines", *ICML* 2000). A shorter window is taken if
it wins by the rule that a challenger has to meet. The holdout takes no part in the choice.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.datasets.manifest import TrainingWindow
from evergreen.datasets.schema import to_columns
from evergreen.datasets.splitting import HOLDOUT, TRAIN, rows_of, split_rows
from evergreen.datasets.steps import steps_to_end, track_of
from evergreen.evaluation.evaluate import compare
from evergreen.training.onnx_export import export_bundle
from evergreen.training.trainer import fit

if TYPE_CHECKING:
    from evergreen.bundle.content import Bundle
    from evergreen.evaluation.comparison import Comparison
    from evergreen.model_definition import ModelDefinition
    from evergreen.training.trainer import Trainer

PARTS = (2, 4, 8)
"""A half, a quarter and an eighth of the rows."""
JUDGED = 1 / 20
"""Share of the rows that the models are evaluated on. The shortest window keeps enough rows to fit
on."""
WINDOW_SEARCH_ROW_CAP = 20_000
"""With more rows than this, the models use every second, third, ... row. Fewer rows favour longer
windows, so a shorter window that wins on a part also wins on all rows."""

_log = logging.getLogger(__name__)


def choose_window(definition: ModelDefinition, trainer: Trainer, rows: pa.Table) -> TrainingWindow:
    """Return how many of the newest rows to train on.

    A shorter window is eligible if it keeps ``retraining.min_training_rows`` and wins against all
    rows by the rule of a challenger (``evaluation``: confidence, least improvement, protected
    segments). The best eligible window is chosen. If the trainer raises an error on a part of the
    rows, that part is not chosen. If it raises one on all rows, training itself reports it.

    Parameters
    ----------
    definition
        The model.
    trainer
        Fits the model.
    rows
        n rows to train on, with their ``timestamp`` and target, oldest first.
    """
    count = rows.num_rows
    least = definition.retraining.min_training_rows
    parts = [part for part in PARTS if count // part >= least]
    if not parts:
        return _all(count, f"fewer than {PARTS[0]} times the {least} that are always kept")
    thinned = _thin(definition, rows)
    learning, judged = _split(definition, thinned)
    longest = _model(definition, trainer, learning, "all")
    if longest is None:
        return _all(count, "no model of them could be made to compare others with")
    won: dict[int, Comparison] = {}
    for part in parts:
        left_out = thinned.num_rows - thinned.num_rows // part
        shorter = _model(definition, trainer, learning.slice(left_out), f"1/{part}")
        if shorter is None:
            continue
        comparison = compare(definition, judged, champion=longest, challenger=shorter)
        if comparison.decision == "promote":
            won[count // part] = comparison
    if not won:
        return _all(count, "no shorter window is surely better")
    sign = 1 if definition.more_is_better else -1
    best = max(won, key=lambda kept: sign * won[kept].metric_challenger)
    reason = f"the newest {best} of {count} rows: {won[best].reason}"
    return TrainingWindow(rows=best, of=count, reason=reason)


def _all(count: int, reason: str) -> TrainingWindow:
    return TrainingWindow(rows=count, of=count, reason=f"all {count} rows: {reason}")


def _thin(definition: ModelDefinition, rows: pa.Table) -> pa.Table:
    """Return every so many-th row, of several series of each: else some would be left out whole."""
    step = max(-(-rows.num_rows // WINDOW_SEARCH_ROW_CAP), 1)
    left = steps_to_end(track_of(definition, rows))
    return rows.filter(pa.array(left % step == 0))


def _split(definition: ModelDefinition, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return rows to fit on, and newer rows to evaluate on."""
    judged = {"holdout": "recent", "holdout_fraction": JUDGED, "max_holdout_rows": rows.num_rows}
    evaluation = definition.evaluation.model_copy(update=judged)
    split = split_rows(definition.model_copy(update={"evaluation": evaluation}), rows)
    return rows_of(split, TRAIN), rows_of(split, HOLDOUT)


def _model(
    definition: ModelDefinition, trainer: Trainer, rows: pa.Table, name: str
) -> Bundle | None:
    try:
        estimator = fit(definition, trainer, rows)
        return export_bundle(estimator, definition, to_columns(definition, rows), name)
    except Exception:  # noqa: BLE001 - whatever a trainer raises on so few rows
        _log.warning("no model of %s of the rows", name, exc_info=True)
        return None
