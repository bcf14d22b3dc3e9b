"""The training window: all rows, or only the newest ones where older rows make the model worse.

After a change in the data, older rows stay in the training data for a long time. A model of rows
from before and after the change predicts neither well. So models of the newest half, quarter and
eighth compete with models of all rows (R. Klinkenberg and T. Joachims, "Detecting concept drift
with support vector machines", *ICML* 2000), each on the rows after its origin, over several
origins (:mod:`evergreen.training.rolling_origins`). A shorter window is taken if it wins by the
rule that a challenger has to meet. The holdout takes no part in the choice.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from evergreen.datasets.manifest import TrainingWindow
from evergreen.datasets.schema import TIMESTAMP
from evergreen.evaluation.measure import measure_of
from evergreen.evaluation.segments import judge_segments
from evergreen.training.rolling_origins import PastModel, joined

if TYPE_CHECKING:
    import pyarrow as pa

    from evergreen.training.rolling_origins import PairedAnswers, RollingOrigins

PARTS = (2, 4, 8)
"""A half, a quarter and an eighth of the rows."""
JUDGED_BLOCKS = 3
"""Number of the newest origins at which windows are compared."""
SEASON = timedelta(days=365)
"""Where the rows span more than this, a window that is shorter must win at every single origin. It
misses part of the year, so one good stretch may be the season it has seen last."""


def choose_window(origins: RollingOrigins, rows: pa.Table) -> TrainingWindow:
    """Return how many of the newest rows to train on.

    A shorter window is eligible if it keeps ``retraining.min_training_rows``. It must win against
    all rows by the rule of a challenger (``evaluation``: confidence, least improvement, protected
    segments), on the newest :data:`JUDGED_BLOCKS` blocks. A window of less than a year, of rows
    that span more, must be better on each of them. The best eligible window is chosen. If the
    trainer raises an error on a part of the rows, that part is not chosen. If it raises one on all
    rows, training itself reports it.

    Parameters
    ----------
    origins
        The rolling origins of these rows.
    rows
        n rows to train on, with their ``timestamp``, oldest first.
    """
    count = rows.num_rows
    least = origins.definition.retraining.min_training_rows
    parts = [part for part in PARTS if count // part >= least]
    if not parts:
        return _all(count, f"fewer than {PARTS[0]} times the {least} that are always kept")
    blocks = [block for block in reversed(origins.blocks) if block <= JUDGED_BLOCKS]
    if not origins.pairs((PastModel(block), PastModel(block), block) for block in blocks):
        return _all(count, "no model of them could be made to compare others with")
    won: dict[int, tuple[float, str]] = {}
    for part in parts:
        pairs = origins.pairs((PastModel(block), PastModel(block, part), block) for block in blocks)
        if _misses_season(rows, count // part) and not all(
            pair.is_other_better(origins.definition) for pair in pairs
        ):
            continue
        if len(pairs) == len(blocks):
            found = _won(origins, joined(pairs))
            if found is not None:
                won[count // part] = found
    if not won:
        return _all(count, "no shorter window is surely better")
    best = max(won, key=lambda kept: won[kept][0])
    return TrainingWindow(
        rows=best, of=count, reason=f"the newest {best} of {count} rows: {won[best][1]}"
    )


def _all(count: int, reason: str) -> TrainingWindow:
    return TrainingWindow(rows=count, of=count, reason=f"all {count} rows: {reason}")


def _misses_season(rows: pa.Table, kept: int) -> bool:
    times = rows[TIMESTAMP]
    first, start, last = (times[place].as_py() for place in (0, rows.num_rows - kept, -1))
    return bool(last - first > SEASON > last - start)


def _won(origins: RollingOrigins, pair: PairedAnswers) -> tuple[float, str] | None:
    """Return by how much a shorter window is better, and that in words; None if it has not won."""
    definition = origins.definition
    rule, measure = definition.evaluation, measure_of(definition)
    gains = pair.gains(definition)
    probability = float(np.mean(gains > rule.min_improvement))
    if probability < rule.confidence:
        return None
    segments = judge_segments(definition, pair.rows, pair.truth, pair.one, pair.other, pair.classes)
    if any(segment.refused for segment in segments):
        return None
    longer, shorter = (
        measure.score(pair.truth, answers, pair.classes) for answers in (pair.one, pair.other)
    )
    return float(gains.mean()), (
        f"{definition.metric} {shorter:.4g} against {longer:.4g} on {pair.rows.num_rows} rows "
        f"after {JUDGED_BLOCKS} origins: better with probability {probability:.3f}, which reaches "
        f"{rule.confidence:g}"
    )
