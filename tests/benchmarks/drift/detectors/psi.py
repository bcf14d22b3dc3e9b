"""The rule of thumb: population stability index above 0.2 for any feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.benchmarks.drift.data import Columns

LIMIT = 0.2
_BINS = 10
_FLOOR = 1e-4


def psi(reference: Columns, window: Columns) -> dict[str, bool]:
    """Compare the index of each feature with the limit."""
    return {
        "PSI > 0.2": any(index(reference[name], window[name]) > LIMIT for name in reference),
    }


def index(reference: NDArray[Any], window: NDArray[Any]) -> float:
    """Return the index over deciles of the reference, or over categories.

    ``sum((w - r) ln(w / r))`` over the shares of each bin, missing values in one of their own and
    no share below 1e-4, as it is usually computed.
    """
    shares = [np.maximum(side, _FLOOR) for side in _shares(reference, window)]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def _shares(reference: NDArray[Any], window: NDArray[Any]) -> list[NDArray[np.float64]]:
    if reference.dtype == object:
        values, codes = np.unique(
            np.concatenate([reference, window]).astype(str), return_inverse=True
        )
        bins = values.size
        sides = [codes[: reference.size], codes[reference.size :]]
    else:
        edges = np.unique(np.nanquantile(reference, np.linspace(0, 1, _BINS + 1)[1:-1]))
        bins = edges.size + 2
        sides = [
            np.where(np.isnan(side), bins - 1, np.searchsorted(edges, side, side="left"))
            for side in (reference, window)
        ]
    return [np.bincount(side, minlength=bins) / side.size for side in sides]
