"""Labels from scores: the one rule by which probabilities become a class.

Training, the comparison at export, evaluation, serving and the shadow stage all call it, so a tie
has one outcome. ONNX sums in 32 bits where scikit-learn sums in 64. Half of a forest's votes can
then be 0.49999997 in one of them and 0.5 in the other, and the largest would be another class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TIE = 1e-5
"""Two probabilities within this distance are equal. The 32-bit sum of 1,000 trees is off by less;
the smallest step of a forest of 10,000 trees is larger."""


def choose_classes(
    probabilities: NDArray[np.float64], threshold: float | None = None
) -> NDArray[np.intp]:
    """Return the index of each row's class.

    It is the class of the largest probability, and among equal ones the first, as scikit-learn
    decides a tie. With a threshold it is the second of two classes where its probability reaches
    the threshold.

    Parameters
    ----------
    probabilities
        Shape (rows, classes), finite.
    threshold
        Least probability of the second class; only for two classes.
    """
    if threshold is not None:
        return np.asarray(probabilities[:, 1] >= threshold - TIE, dtype=np.intp)
    if probabilities.shape[1] == 2:  # the same in a third of the time
        return np.asarray(probabilities[:, 0] < probabilities[:, 1] - TIE, dtype=np.intp)
    highest = probabilities.max(axis=1, keepdims=True)
    return np.asarray((probabilities >= highest - TIE).argmax(axis=1))


def choose_class(probabilities: Sequence[float], threshold: float | None = None) -> int:
    """Return what :func:`choose_classes` returns for one row, without arrays.

    They cost more than the choice itself where there is one row.

    Parameters
    ----------
    probabilities
        One for each class, finite.
    threshold
        As for :func:`choose_classes`.
    """
    if threshold is not None:
        return int(probabilities[1] >= threshold - TIE)
    least = max(probabilities) - TIE
    return next((place for place, each in enumerate(probabilities) if each >= least), 0)


def near_tie(
    probabilities: NDArray[np.float64], threshold: float | None = None
) -> NDArray[np.bool_]:
    """Return for each row whether :data:`TIE` decided its class.

    The parameters are those of :func:`choose_classes`.
    """
    if threshold is not None:
        return np.asarray(np.abs(probabilities[:, 1] - threshold) <= TIE)
    highest = probabilities.max(axis=1, keepdims=True)
    return np.asarray((probabilities >= highest - TIE).sum(axis=1) > 1)
