"""Confidence-based estimation of a metric of labels: how often each class is said and true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.datasets.holdout_predictions import sharpness_of
from evergreen.drift.detectors.calibrated_answers import (
    CONFIDENCE_BINS,
    bins_of,
    right_answers,
    score_edges,
)
from evergreen.drift.detectors.estimated import Estimated
from evergreen.drift.model_outputs import CONFIDENCE, MODEL_OUTPUT

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.evaluation.measure import Measure
    from evergreen.model_definition import ModelDefinition

_FEWEST_OF_A_CLASS = 20  # answers on the holdout that calibrate a class by itself
_MOST_ROWS = 20_000  # of the holdout that is drawn from
_LABEL = "label"


def estimate_counts(
    definition: ModelDefinition,
    measure: Measure,
    window: pa.Table,
    holdout: pa.Table,
    *,
    rng: np.random.Generator,
    draws: int,
) -> Estimated:
    """Return the estimate of a metric of labels, with its draws.

    Each draw of the holdout's rows calibrates the confidences and gives the metric at promotion. So
    what is chance in the holdout is the same in both.

    Parameters
    ----------
    definition
        Names the classes that are known.
    measure
        The metric, a function of counts.
    window, holdout
        The n and m answers, with ``model_output`` and ``confidence``, the latter with ``label``.
    rng, draws
        The randomness, and how many draws.
    """
    if holdout.num_rows > _MOST_ROWS:
        holdout = holdout.take(np.sort(rng.permutation(holdout.num_rows)[:_MOST_ROWS]))
    truth, said = _column(holdout, _LABEL), _column(holdout, MODEL_OUTPUT)
    answers = _column(window, MODEL_OUTPUT)
    sure_then, sure_now = (_column(side, CONFIDENCE) for side in (holdout, window))
    if (sharpness := sharpness_of(holdout)) is not None:
        sure_then = sharpness.of(sure_then)
    known = definition.ground_truth.classes or ()
    classes = sorted({*known, *truth, *said, *answers})
    count = len(classes)
    said_at, true_at = (np.searchsorted(classes, side) for side in (said, truth))
    of_all = score_edges(sure_then)
    bins = bins_of(sure_then, of_all)
    own, edges = bins.copy(), [of_all] * count
    alone = np.flatnonzero(np.bincount(said_at, minlength=count) >= _FEWEST_OF_A_CLASS)
    for place in alone.tolist():
        chosen = said_at == place
        edges[place] = score_edges(sure_then[chosen])
        own[chosen] = bins_of(sure_then[chosen], edges[place])
    # Rows with the same four numbers are alike here, so their number is drawn and not each of them.
    pooled = bins if len(alone) < count else np.zeros_like(bins)
    alike = np.column_stack([said_at, true_at, own, pooled])
    cells, cell_of = np.unique(alike, axis=0, return_inverse=True)
    counts = np.bincount(cell_of.ravel(), minlength=len(cells))
    drawn = rng.multinomial(said.size, counts / said.size, size=draws)
    drawn = np.vstack([counts, drawn]).astype(np.float64)
    is_right = cells[:, 0] == cells[:, 1]

    # Shape (draws + 1, answer, ground truth); the first is the estimate itself.
    tables, likely = (np.zeros((draws + 1, count, count)) for _ in range(2))
    for place, name in enumerate(classes):
        mine = sure_now[answers == name]
        if not mine.size:
            continue
        by_itself = place in alone
        kept = cells[:, 0] == place if by_itself else np.ones(len(cells), dtype=bool)
        into = np.eye(CONFIDENCE_BINS)[cells[kept, 2 if by_itself else 3]]
        now = bins_of(mine, edges[place])
        answered = right_answers(
            drawn[:, kept] @ (into * is_right[kept, np.newaxis]),
            drawn[:, kept] @ into,
            np.bincount(now, minlength=CONFIDENCE_BINS),
            rng,
        )
        tables[:, place, place] = answered.drawn
        likely[:, place, place] = answered.expected
        if count > 1:
            share = _shares_of_errors(cells[kept, 1], counts[kept] * ~is_right[kept], count, place)
            likely[:, place] += np.outer(answered.rows - answered.expected, share)
            wrong = (mine.size - answered.drawn).astype(np.int64)
            tables[:, place] += rng.multinomial(wrong, share)
    names = np.array(classes)
    predicted, true = (names[side.ravel()] for side in np.indices((count, count)))
    drawn_now, expected = (
        measure.of_counts(true, predicted, each.reshape(draws + 1, -1), classes)
        for each in (tables, likely)
    )
    pairs, first = np.unique(cells[:, 0] * count + cells[:, 1], return_index=True)
    before = np.add.reduceat(drawn[1:], first, axis=1)
    promoted = measure.of_counts(names[pairs % count], names[pairs // count], before, classes)
    return Estimated(float(expected[0]), drawn_now[1:], expected[1:], promoted)


def _shares_of_errors(
    true: NDArray[np.intp], errors: NDArray[np.int64], count: int, answer: int
) -> NDArray[np.float64]:
    """Return how the errors of an answer are divided among the classes, shape (count,).

    An error that the holdout does not have is possible: each class counts as one part of one.
    """
    missed = np.bincount(true, errors, minlength=count) + 1 / (count - 1)
    missed[answer] = 0
    return missed / missed.sum()


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    values: NDArray[Any] = table[name].to_numpy(zero_copy_only=False)
    return values
