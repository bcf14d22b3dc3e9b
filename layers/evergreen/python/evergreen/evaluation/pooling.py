"""Evidence of the holdout and of the rolling origins, pooled.

Both are turned into standard errors, and their sum over the root of their number is one more
standard normal value if both models are equally good (S. A. Stouffer and others, *The American
Soldier: Adjustment during Army Life*, 1949, p. 45). That asks for independent evidence: the rolling
origins use training rows alone, and the holdout is none of them.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_HOLDOUT_ERRORS = 8.0
"""What the holdout counts at most, in standard errors: twice as much as the rolling origins."""


def standardized_improvement(improvements: NDArray[np.float64], asked_for: float = 0.0) -> float:
    """Return by how many standard errors the improvement is more than what is asked for.

    Parameters
    ----------
    improvements
        By how much the challenger is better in each draw of the paired bootstrap.
    asked_for
        In the unit of the metric.

    Returns
    -------
    float
        The mean over the standard deviation of the draws, between -8 and 8; 0 for a tie.
    """
    more = float(np.mean(improvements)) - asked_for
    error = float(np.std(improvements))
    if error <= np.finfo(float).eps * max(abs(more), abs(asked_for)):
        # Each draw says the same: nothing is left to chance.
        return float(np.sign(more)) * MOST_HOLDOUT_ERRORS
    return float(np.clip(more / error, -MOST_HOLDOUT_ERRORS, MOST_HOLDOUT_ERRORS))


def pooled_probability(*standardized: float) -> float:
    """Return the probability that the challenger is better, by independent pieces of evidence."""
    return NormalDist().cdf(sum(standardized) / sqrt(len(standardized)))
