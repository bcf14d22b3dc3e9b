"""The paired bootstrap: how sure the difference between two models is.

Rows are drawn with replacement, and both models are scored on each draw. The improvements of all
draws show how much the improvement on the rows themselves could vary (B. Efron and R. Tibshirani,
*An Introduction to the Bootstrap*, 1993, chapters 13 and 16). Forecasts of a time series are not
independent: neighbours share most of what happened. For a time series, whole blocks of consecutive
rows are drawn, the moving block bootstrap (H. Künsch, "The jackknife and the bootstrap for general
stationary observations", *Annals of Statistics* 17, 1989).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from evergreen.evaluation.measure import F1, RMSE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from evergreen.evaluation.measure import Measure

RESAMPLES = 1000
_DRAWS_AT_ONCE = 4_000_000
"""Row numbers held in memory at once while resampling: 32 MB."""


def resample(
    measure: Measure,
    ground_truth: NDArray[Any],
    champion: NDArray[Any],
    challenger: NDArray[Any],
    classes: Sequence[str] = (),
    *,
    block: int = 1,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """Return both models' metric in each resample, shape (2, resamples): champion, challenger.

    Parameters
    ----------
    measure
        The metric.
    ground_truth, champion, challenger
        n values each, as :meth:`Measure.truth` and :meth:`Measure.answers` give them; in time order
        where ``block`` is over 1.
    classes
        All classes; none for numbers.
    block
        How many consecutive rows are drawn together; 1 draws each row on its own.
    seed
        Seed of the draws.
    resamples
        Number of draws.
    """
    sides = (ground_truth, champion, challenger)
    drawn: dict[str, Any] = {"measure": measure, "seed": seed, "resamples": resamples}
    if measure.kind == "counts":
        return resample_labels(*sides, classes, **drawn)
    if measure.kind == "means":
        return resample_numbers(*sides, block=block, **drawn)
    return _resample_draws(*sides, block=block, **drawn)


def resample_labels(
    ground_truth: NDArray[np.object_],
    champion: NDArray[np.object_],
    challenger: NDArray[np.object_],
    classes: Sequence[str],
    *,
    measure: Measure = F1,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """Return both models' metric in each resample, shape (2, resamples): champion, challenger.

    A metric of classes only depends on how often each triple (label, champion, challenger) occurs,
    and drawing n rows with replacement draws these counts from a multinomial distribution. Drawing
    the counts directly is therefore the same bootstrap, in time and memory that do not grow with n.

    Parameters
    ----------
    ground_truth, champion, challenger
        n labels each, as text.
    classes
        All classes. They include those of the n labels.
    measure
        The metric.
    seed
        Seed of the draws.
    resamples
        Number of draws.
    """
    names = np.array(sorted(classes))
    codes = [
        np.searchsorted(names, side.astype(str)) for side in (ground_truth, champion, challenger)
    ]
    triples, counts = np.unique(np.ravel_multi_index(codes, (names.size,) * 3), return_counts=True)
    true, *answers = (names[code] for code in np.unravel_index(triples, (names.size,) * 3))
    draws = np.random.default_rng(seed).multinomial(
        ground_truth.size, counts / ground_truth.size, resamples
    )
    return np.stack([measure.of_counts(true, answer, draws, classes) for answer in answers])


def resample_numbers(
    ground_truth: NDArray[np.float64],
    champion: NDArray[np.float64],
    challenger: NDArray[np.float64],
    *,
    measure: Measure = RMSE,
    block: int = 1,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """Return both models' metric in each resample, shape (2, resamples): champion, challenger.

    Parameters
    ----------
    ground_truth, champion, challenger
        n values each, in the unit of the target; in time order where ``block`` is over 1.
    measure
        The metric.
    block
        How many consecutive rows are drawn together; 1 draws each row on its own.
    seed
        Seed of the draws.
    resamples
        Number of draws.
    """
    terms = [measure.terms(ground_truth, side) for side in (champion, challenger)]
    scores = [
        [measure.of_means(np.stack([term[rows].mean(axis=1) for term in side])) for side in terms]
        for rows in _drawn_rows(len(ground_truth), block, seed, resamples)
    ]
    return np.concatenate(scores, axis=1)


def _resample_draws(
    ground_truth: NDArray[Any],
    champion: NDArray[Any],
    challenger: NDArray[Any],
    *,
    measure: Measure,
    block: int,
    seed: int,
    resamples: int,
) -> NDArray[np.float64]:
    size, scores = len(ground_truth), []
    for rows in _drawn_rows(size, block, seed, resamples):
        places = rows + size * np.arange(len(rows))[:, np.newaxis]
        draws = np.bincount(places.ravel(), minlength=len(rows) * size).reshape(len(rows), size)
        scores.append(
            [measure.of_draws(ground_truth, side, draws) for side in (champion, challenger)]
        )
    return np.concatenate(scores, axis=1)


def _drawn_rows(size: int, block: int, seed: int, resamples: int) -> Iterator[NDArray[np.int64]]:
    """Yield the row numbers of the draws, several draws at a time, shape (draws, size)."""
    random = np.random.default_rng(seed)
    at_once = max(_DRAWS_AT_ONCE // size, 1)
    blocks = math.ceil(size / block)
    for first in range(0, resamples, at_once):
        count = min(at_once, resamples - first)
        starts = random.integers(size - block + 1, size=(count, blocks, 1))
        yield (starts + np.arange(block)).reshape(count, -1)[:, :size]
