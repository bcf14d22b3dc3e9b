"""Split conformal prediction: the interval of a regression model, from its errors on the holdout.

The judged model has not seen its holdout. So of n errors there and the error of one more row of
the same kind, each is as likely to be the largest. The k-th smallest of the n errors, with
``k = ceil((n + 1) * coverage)``, is therefore at least the next error with probability
``coverage``, whatever the model and whatever the errors look like (Lei, G'Sell, Rinaldo,
Tibshirani, Wasserman: "Distribution-Free Predictive Inference for Regression", Journal of the
American Statistical Association 113, 2018, theorem 2.2).

The promise is about rows like those of the holdout. After drift the interval is as wrong as the
model, until a challenger is promoted that was judged on newer rows.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from evergreen.bundle.content import VersionBundles
from evergreen.bundle.interval import PredictionInterval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evergreen.bundle.content import Bundle


def conformal_interval(
    ground_truth: NDArray[np.float64], outputs: NDArray[np.float64], coverage: float
) -> PredictionInterval | None:
    """Return the interval of a model, or None if there are too few rows for the coverage.

    Parameters
    ----------
    ground_truth, outputs
        Of n rows that the model has not seen; shape (n,), in the unit of the target.
    coverage
        Between 0 and 1. It needs at least ``coverage / (1 - coverage)`` rows.
    """
    errors = np.sort(np.abs(ground_truth - outputs))
    # Rounding before the ceiling: (9 + 1) * 0.9 must stay 9.
    rank = math.ceil(round((errors.size + 1) * coverage, 9))
    if rank > errors.size:
        return None
    return PredictionInterval(
        coverage=coverage, radius=float(errors[rank - 1]), rows=int(errors.size)
    )


def with_interval(bundles: VersionBundles, interval: PredictionInterval | None) -> VersionBundles:
    """Note an interval in both bundles of a version: of what is judged, for what serves."""
    judged = _noted(bundles.judged, interval)
    serving = _noted(bundles.serving, interval) if bundles.is_refit else judged
    return VersionBundles(serving, judged, bundles.serves)


def _noted(bundle: Bundle, interval: PredictionInterval | None) -> Bundle:
    signature = bundle.signature.model_copy(update={"interval": interval})
    return replace(bundle, signature=signature)
