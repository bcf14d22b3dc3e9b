"""Whether what is said with 70 % probability comes true seven times in ten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sklearn.calibration import calibration_curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """A reliability curve: predicted probabilities, and how often each came true."""

    about: str
    """What the probabilities are of."""
    probabilities: NDArray[np.float64]
    """The n of them."""
    mean_predicted: NDArray[np.float64]
    """Mean probability in each of up to ten bins of about as many rows each, ascending."""
    share_true: NDArray[np.float64]
    """Share of the bin's rows in which it came true."""


def reliability(
    ground_truth: NDArray[np.object_],
    predicted: NDArray[np.object_],
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
) -> Reliability:
    """Return a model's reliability curve (M. DeGroot and S. Fienberg, "The comparison and
    evaluation of forecasters", *The Statistician* 32, 1983).

    Of two classes it is that of the positive one, the last in sorted order; of more, that of the
    class that was predicted.

    Parameters
    ----------
    ground_truth, predicted
        n > 0 labels each, as text.
    probabilities
        Shape (n, classes).
    classes
        What the columns are about.
    """  # noqa: D205 - the source belongs to the sentence
    if len(classes) == 2:
        positive = max(classes)
        values = probabilities[:, list(classes).index(positive)]
        came = ground_truth == positive
        about = f"the probability of {positive}"
    else:
        values = probabilities.max(axis=1)
        came = ground_truth == predicted
        about = "the probability of the class that was said"
    values = values.clip(0, 1)  # rounding may leave [0, 1], which scikit-learn refuses
    share_true, mean_predicted = calibration_curve(came, values, n_bins=BINS, strategy="quantile")
    return Reliability(
        about=about, probabilities=values, mean_predicted=mean_predicted, share_true=share_true
    )
