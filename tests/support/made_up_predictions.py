"""Ground truth and artificial predictions of two models, for tests of their comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.evaluation.bootstrap import resample_labels, resample_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray


def labels(values: Any) -> NDArray[np.object_]:
    return np.array(values, dtype=object)


def predictions(seed: int, rows: int, champion: float, challenger: float) -> list[NDArray[Any]]:
    """Return ground truth, and predictions of two models that are right with given
    probabilities."""
    random = np.random.default_rng(seed)
    ground_truth = random.random(rows) < 0.3
    wrong = [random.random(rows) > right for right in (champion, challenger)]
    return [
        labels(np.where(side, "1", "0"))
        for side in (ground_truth, ground_truth ^ wrong[0], ground_truth ^ wrong[1])
    ]


def gains_f1(*sides: Any, **rule: Any) -> NDArray[np.float64]:
    """Return the challenger's improvement in each resample."""
    champion, challenger = resample_labels(*sides, **rule)
    return np.array(challenger - champion)


def gains_rmse(*sides: Any, **rule: Any) -> NDArray[np.float64]:
    champion, challenger = resample_numbers(*sides, **rule)
    return np.array(champion - challenger)
