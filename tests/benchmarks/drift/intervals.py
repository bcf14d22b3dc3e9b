"""How sure a counted rate is."""

from __future__ import annotations

from scipy import stats

CONFIDENCE = 0.95


def clopper_pearson(hits: int, repetitions: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a rate.

    Clopper and Pearson (1934), computed by scipy; the whole of [0, 1] if nothing was repeated.
    """
    if repetitions == 0:
        return 0.0, 1.0
    found = stats.binomtest(hits, repetitions).proportion_ci(CONFIDENCE, method="exact")
    return float(found.low), float(found.high)
