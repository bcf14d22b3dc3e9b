"""The section ``[evaluation]``: how champion and challenger are compared."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evergreen.model_definition.base import Strict

CLASS_METRICS = (
    *("f1", "f1_macro", "f1_weighted", "accuracy"),
    *("balanced_accuracy", "mcc", "precision", "recall"),
)
"""Metrics of classes; more is better."""
NUMBER_METRICS = ("rmse", "mae", "mape", "smape", "r2", "pinball")
"""Metrics of numbers; less is better, but for R squared."""
ModelMetric = Literal[
    "f1",
    "f1_macro",
    "f1_weighted",
    "accuracy",
    "balanced_accuracy",
    "mcc",
    "precision",
    "recall",
    "rmse",
    "mae",
    "mape",
    "smape",
    "r2",
    "pinball",
]


def more_is_better(metric: str) -> bool:
    """Return whether a larger value of a metric is a better one."""
    return metric in {*CLASS_METRICS, "r2"}


class Evaluation(Strict):
    """How champion and challenger are compared."""

    metric: ModelMetric | None = None
    """Metric that decides. Without it: ``f1`` for classification, ``rmse`` for the other tasks. For
    classification: ``f1``, ``f1_macro``, ``f1_weighted``, ``accuracy``, ``balanced_accuracy``,
    ``mcc``, ``precision``, ``recall``. For the others: ``rmse``, ``mae``, ``mape``, ``smape``,
    ``r2``, ``pinball``. ``docs/evaluation.md`` defines each."""
    positive: str | None = None
    """Of two classes the one that ``f1``, ``precision`` and ``recall`` are about; without it the
    last one in sorted order (``1`` of ``0, 1``). Write booleans as ``"True"`` and ``"False"``."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | Literal["tuned"] | None = None
    """Least probability with which the last of two classes, in sorted order, is predicted. Without
    it the more probable class is. ``tuned``: the value whose ``metric`` is best on the newest fifth
    of the training rows, by a model fitted on the others; training then takes about twice as long.
    It is part of the bundle, so evaluation and serving decide by it too."""
    quantile: float = Field(default=0.5, gt=0, lt=1)
    """The quantile that ``pinball`` scores."""
    min_improvement: float = Field(default=0.0, ge=0)
    """Least improvement of the metric that counts as better: in points of a score (0.01: F1 from
    .50 to .51), and in the unit of the target for RMSE, MAE and pinball. A challenger is promoted
    if it improves by more than this with probability ``confidence``. The same rule decides whether
    training takes a shorter window of rows than ``[retraining] training_window_rows``: a large
    value also keeps training on old rows."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Probability with which the challenger must be better on the holdout (paired bootstrap). It
    also decides about shorter training windows, and with which probability a challenger in the
    shadow stage must be worse to be refused."""
    holdout: Literal["recent", "random"] = "recent"
    """Rows that both models are judged on. ``recent``: the newest labelled rows, which neither was
    trained on. ``random``: a random part of the new rows; training then takes all the others and
    never a shorter window."""
    holdout_fraction: float = Field(default=0.5, gt=0, lt=1)
    """Share of the labelled rows since the champion's data set that is held out; at most
    ``max_holdout_rows``."""
    max_holdout_rows: int = Field(default=10_000, ge=20)
    """Most rows that are held out. No challenger learns from held-out rows, and the longer nothing
    was promoted, the more rows are new."""
    min_labelled_rows: int | None = Field(default=None, ge=20)
    """Fewest labelled rows since the champion's data set that allow a comparison. With fewer, a
    retraining is skipped (``Retraining Skipped``). Without it: 40, and a drift check waits for a
    twentieth of the champion's rows, at least 100 and at most 1000, unless the metric has surely
    fallen."""
    refit: bool = True
    """Whether the recipe is fitted once more on training rows and holdout together, and that model
    serves. The comparison is between models that have not seen their holdout. Training then takes
    about twice as long. Without it, the newest rows are never learnt, and the judged model serves.
    """
    segments: tuple[str, ...] = ()
    """Names of features whose values are segments of the traffic (of a number: its quarters). A
    challenger that is clearly worse in one of them is not promoted. A feature in
    ``[request_log] redact`` cannot be one."""
    max_segment_regression: float = Field(default=0.05, ge=0)
    """How much worse a challenger may be in a segment: in points where more is better (0.05:
    F1 from .50 to .45), otherwise as a share of the champion's metric there (0.05: RMSE from 10 to
    10.5)."""
    min_segment_rows: int = Field(default=100, ge=20)
    """Fewest rows of the holdout with which a segment can refuse a challenger. Smaller segments
    are shown in the report and decide nothing."""
