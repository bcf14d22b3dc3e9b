"""Metrics of all classes, from how often each is right, said and true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def class_shares(parts: NDArray[np.float64], wholes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the parts of the wholes, 0 where the whole is 0."""
    return np.asarray(np.divide(parts, wholes, np.zeros_like(parts), where=wholes > 0))


def score_of_classes(
    name: str, hits: NDArray[np.float64], said: NDArray[np.float64], real: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a metric of all classes from how often each is right, said and true.

    Each has the shape (tables, classes).
    """
    rows = real.sum(axis=1)
    match name:
        case "accuracy":
            return np.asarray(hits.sum(axis=1) / rows)
        case "balanced_accuracy":
            return np.asarray(class_shares(hits, real).sum(axis=1) / (real > 0).sum(axis=1))
        case "mcc":
            together = hits.sum(axis=1) * rows - (said * real).sum(axis=1)
            apart = (rows**2 - (said**2).sum(axis=1)) * (rows**2 - (real**2).sum(axis=1))
            return class_shares(together, np.sqrt(np.maximum(apart, 0.0)))
    each = class_shares(2 * hits, said + real)
    if name == "f1_weighted":
        return np.asarray((each * real).sum(axis=1) / rows)
    return np.asarray(each.mean(axis=1))
