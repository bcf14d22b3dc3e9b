"""How much surer one fit of a recipe is than another: one number for two models of classes.

A fit of more rows is surer or less sure of its answers than the fit that was judged. Its answers on
the holdout do not tell, because it has learnt the holdout. On rows that both fits have learnt, both
are too sure alike. So there, how much surer one of them is tells how much surer it is on new rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEEPEST = 4.0  # as a power of two: 16 times the log odds, or a sixteenth
_HALVINGS = 40


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


def sharpness_between(
    confidences: NDArray[np.float64], other: NDArray[np.float64], classes: int
) -> Sharpness:
    """Return what makes the confidences of one fit as sure as those of another, on average.

    Parameters
    ----------
    confidences, other
        Confidences of two fits for the same n rows, at least one, which both have learnt.
    classes
        How many classes there are.
    """
    wanted = float(np.mean(other))
    low, high = -_STEEPEST, _STEEPEST
    if Sharpness(2**low, classes).of(confidences).mean() >= wanted:
        return Sharpness(2**low, classes)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if Sharpness(2**middle, classes).of(confidences).mean() < wanted:
            low = middle
        else:
            high = middle
    return Sharpness(2**high, classes)
