"""An estimate of a metric without ground truth, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Estimated:
    """The metric of a window by what the holdout tells, with draws of it.

    Parameters
    ----------
    value
        The estimate.
    drawn
        Draws of what the ground truth of the window's rows will give.
    expected
        Draws of what rows like those of the window give on average. They have the chance of which
        rows the window has, and not that of their ground truth.
    promoted
        Draws of the metric on the holdout. Each belongs to a draw of ``expected``: what is chance
        in the holdout is the same in both.
    """

    value: float
    drawn: NDArray[np.float64]
    expected: NDArray[np.float64]
    promoted: NDArray[np.float64]
