"""How much surer one fit of a recipe is than another: one number for two models of classes.

A fit of more rows is surer or less sure of its answers than the fit that was judged. Its answers on
the holdout do not tell, because it has learnt the holdout. Rows that both fits have learnt tell:
how much surer one of them is there. But on rows that it has learnt, a fit is surer than on others,
for it has learnt their chance by heart, and this is what changes most with more rows. Only a part
of it shows on new rows: that by which the judged fit is surer than it is right on its holdout,
beside that by which it is surer on its training rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEEPEST = 4.0  # as a power of two: 16 times the log odds, or a sixteenth
_HALVINGS = 40
_SMALL = 0.02


@dataclass(frozen=True, slots=True)
class Sharpness:
    """What makes the confidences of one fit as sure as those of another.

    Parameters
    ----------
    factor
        What the log odds of a confidence are multiplied with, counted from those of a guess. Above
        1 a confidence becomes surer.
    classes
        How many classes a guess chooses from.
    """

    factor: float
    classes: int

    def of(self, confidences: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return n confidences, made as sure as those of the other fit."""
        guess = -np.log(max(self.classes - 1, 1))
        with np.errstate(divide="ignore"):  # a probability of 0 or 1 stays what it is
            odds = np.log(confidences) - np.log1p(-confidences)
        odds = guess + self.factor * (odds - guess)
        return np.asarray(1 / (1 + np.exp(-np.clip(odds, -700, 700))), dtype=np.float64)

    def of_shares(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities of all classes, shape (n, classes), the largest made as sure.

        The others keep their proportions.
        """
        places = np.arange(len(shares)), shares.argmax(axis=1)
        before = np.clip(shares[places], 0, 1)
        after = self.of(before)
        factors = np.divide(1 - after, 1 - before, np.ones_like(before), where=before < 1)
        found = shares * factors[:, np.newaxis]
        found[places] = after
        return np.asarray(found, dtype=np.float64)


def share_on_new_rows(learnt: float, held_out: float, accuracy: float) -> float:
    """Return how much of a change in confidence on learnt rows shows on new ones, 0 to 1.

    Parameters
    ----------
    learnt, held_out
        The mean confidence of a fit on rows that it has learnt, and on its holdout.
    accuracy
        How often it is right on its holdout. A fit that has learnt nothing by heart is as sure as
        this on both; then all of a change shows.
    """
    by_heart = learnt - accuracy
    return min(max((held_out - accuracy) / by_heart, 0.0), 1.0) if by_heart > _SMALL else 1.0


def sharpness_between(
    confidences: NDArray[np.float64],
    other: NDArray[np.float64],
    classes: int,
    *,
    share: float = 1.0,
) -> Sharpness:
    """Return what makes the confidences of one fit as sure as those of another, on average.

    Parameters
    ----------
    confidences, other
        Confidences of two fits for the same n rows, at least one, which both have learnt.
    classes
        How many classes there are.
    share
        How much of the difference there is on new rows (:func:`share_on_new_rows`).
    """
    wanted = float(np.mean(other))
    low, high = -_STEEPEST, _STEEPEST
    if Sharpness(2**low, classes).of(confidences).mean() >= wanted:
        return Sharpness(2 ** (low * share), classes)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if Sharpness(2**middle, classes).of(confidences).mean() < wanted:
            low = middle
        else:
            high = middle
    return Sharpness(2 ** (high * share), classes)
