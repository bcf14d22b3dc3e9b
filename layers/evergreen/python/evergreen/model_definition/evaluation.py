"""The section ``[evaluation]``: how champion and challenger are compared."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evergreen.model_definition.base import Strict


class Evaluation(Strict):
    """How champion and challenger are compared."""

    metric: Literal["f1", "rmse"] | None = None
    """Metric that decides. Without it: ``f1`` for classification, ``rmse`` for the other tasks.
    ``f1`` belongs to classification only, ``rmse`` to the others."""
    min_improvement: float = Field(default=0.0, ge=0)
    """Least improvement of the metric that counts as better: F1 in points (0.01: from .50 to .51),
    RMSE in the unit of the target. A challenger is promoted if it improves by more than this with
    probability ``confidence``. The same rule decides whether training takes a shorter window of
    rows than ``[retraining] training_window_rows``: a large value also keeps training on old
    rows."""
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
    retraining is skipped (``Retraining Skipped``). Without it: a twentieth of the champion's rows,
    at least 100 and at most 1000; 40 if the champion has surely got worse."""
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
    """How much worse a challenger may be in a segment: F1 in points (0.05: from .50 to .45), RMSE
    as a share of the champion's RMSE there (0.05: from 10 to 10.5)."""
    min_segment_rows: int = Field(default=100, ge=20)
    """Fewest rows of the holdout with which a segment can refuse a challenger. Smaller segments
    are shown in the report and decide nothing."""
