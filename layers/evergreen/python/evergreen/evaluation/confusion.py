"""Which classes are taken for which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import confusion_matrix

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
    both = np.stack([ground_truth, predicted]).astype(str)
    names, often = np.unique(both, return_counts=True)
    labels = names.tolist()
    if names.size > MAX_CONFUSION_CLASSES:
        kept = np.sort(names[np.argsort(-often, kind="stable")[: MAX_CONFUSION_CLASSES - 1]])
        both = np.where(np.isin(both, kept), both, OTHERS)
        labels = [*kept.tolist(), OTHERS]
    if len(labels) == 1:  # scikit-learn warns of such a table
        return Confusion(labels, np.array([[both.shape[1]]]))
    return Confusion(labels, confusion_matrix(*both, labels=labels))
