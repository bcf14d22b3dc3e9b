"""The best answer that knows no feature, or of a time series only the season before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cli.shared.series_check import NAIVE_ANSWER, naive_forecasts
from evergreen.evaluation.measure import measure_of
from evergreen.training.trainer import to_target

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.model_definition import ModelDefinition


def naive_score(
    definition: ModelDefinition,
    training: pa.Table,
    truth: NDArray[Any],
    classes: list[str],
    holdout: pa.Table,
) -> tuple[float, str]:
    """Return the score of the best answer that knows no feature, and what that answer is.

    Parameters
    ----------
    definition
        Names the metric.
    training
        The rows that the answer may know.
    truth, classes
        The labels that it is scored on, and every class there is.
    holdout
        The rows of these labels: of a time series they have the seasonal naive forecast.
    """
    measure = measure_of(definition)
    known = to_target(definition, training)
    answers: dict[str, Any]
    if measure.takes_probabilities:
        came = measure.truth(known.astype(str).to_numpy(dtype=object), classes)
        share = came.mean(axis=0)
        of_one = f"the share of the positive class, {came.mean():.4g}"
        answers = {"the share of each class" if share.ndim else of_one: share}
    elif definition.task == "classification":
        answers = {name: name for name in classes}
    else:
        of_quantile = float(known.quantile(measure.quantile))
        answers = {
            f"the mean, {known.mean():.4g}": known.mean(),
            f"the {measure.quantile:g} quantile, {of_quantile:.4g}": of_quantile,
            **naive_forecasts(definition, holdout),
        }
    truth = measure.truth(truth, classes)
    scores = {
        name: measure.score(truth, np.full(truth.shape, answer, dtype=truth.dtype), classes)
        for name, answer in answers.items()
    }
    choose = max if measure.more_is_better else min
    best = choose(scores, key=scores.__getitem__)
    return scores[best], best if best == NAIVE_ANSWER else f"always answering {best}"
