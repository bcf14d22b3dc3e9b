"""Metrics of predicted probabilities, computed by scikit-learn.

They stand apart from :mod:`evergreen.evaluation.metrics`, which the layer of the shadow comparison
also imports: that layer has no scikit-learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import log_loss, roc_auc_score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def classification_scores(
    ground_truth: NDArray[np.object_], probabilities: NDArray[np.float64], classes: Sequence[str]
) -> dict[str, float]:
    """Return ``log_loss`` and ``auc``, the mean area under the ROC curve of one class against the
    rest.

    A score that these rows do not define is left out: the area if a class does not occur, and both
    if a class occurs that the model does not know, or if it knows only one.

    Parameters
    ----------
    ground_truth
        n labels, as text.
    probabilities
        Shape (n, classes).
    classes
        The model's classes, in the order of the columns.
    """  # noqa: D205 - the definition belongs to the sentence
    hits = ground_truth[:, np.newaxis] == np.array(classes, dtype=object)
    if len(classes) < 2 or not hits.any(axis=1).all():
        return {}
    shares = probabilities / probabilities.sum(axis=1, keepdims=True)
    # Columns stand for the classes: scikit-learn would sort the names.
    columns = range(len(classes))
    scores = {"log_loss": float(log_loss(hits.argmax(axis=1), shares, labels=columns))}
    if hits.any(axis=0).all():
        scores["auc"] = float(roc_auc_score(hits, probabilities, average="macro"))
    return scores
