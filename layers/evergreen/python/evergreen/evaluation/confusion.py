"""Which classes are taken for which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_CONFUSION_CLASSES = 10
OTHERS = "(others)"


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """How often each class was taken for each."""

    labels: list[str]
    """In sorted order; of more than ten the most frequent, and last ``(others)``."""
    counts: NDArray[np.int64]
    """Rows, shape (true, said)."""


def confusion(ground_truth: NDArray[np.object_], predicted: NDArray[np.object_]) -> Confusion:
    """Count how often each class is taken for each.

    Parameters
    ----------
    ground_truth, predicted
        n > 0 labels each, as text.
    """
    names, codes = np.unique(np.stack([ground_truth, predicted]).astype(str), return_inverse=True)
    codes = codes.reshape(2, -1)
    labels = names.tolist()
    if names.size > MAX_CONFUSION_CLASSES:
        often = np.bincount(codes.ravel(), minlength=names.size)
        kept = np.sort(np.argsort(-often, kind="stable")[: MAX_CONFUSION_CLASSES - 1])
        places = np.full(names.size, MAX_CONFUSION_CLASSES - 1)
        places[kept] = np.arange(kept.size)
        codes = places[codes]
        labels = [*names[kept].tolist(), OTHERS]
    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(counts, (codes[0], codes[1]), 1)
    return Confusion(labels, counts)
