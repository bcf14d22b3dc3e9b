"""The section ``[evaluation]``: how champion and challenger are compared."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from evergreen.model_definition.base import Strict

CLASS_METRICS = (
    *("f1", "f1_macro", "f1_weighted", "accuracy"),
    *("balanced_accuracy", "mcc", "precision", "recall"),
)
"""Metrics of classes; more is better."""
PROBABILITY_METRICS = ("roc_auc", "pr_auc", "log_loss", "brier")
"""Metrics of the probabilities of classes."""
NUMBER_METRICS = ("rmse", "mae", "mape", "smape", "r2", "pinball")
"""Metrics of numbers; less is better, but for R squared."""
METRICS = (*CLASS_METRICS, *PROBABILITY_METRICS, *NUMBER_METRICS)
"""The metrics that need no function of the user's."""
_RISING = frozenset({*CLASS_METRICS, "roc_auc", "pr_auc", "r2"})
_OWN = re.compile(r"([a-z_][a-z0-9_]*):([A-Za-z_][A-Za-z0-9_]*)")


def more_is_better(metric: str) -> bool:
    """Return whether a larger value of a metric of :data:`METRICS` is a better one."""
    return metric in _RISING


def _metric(value: str) -> str:
    own = _OWN.fullmatch(value)
    if own and own[2] in METRICS:
        raise ValueError(f"{own[2]} is a metric already; give your function another name")
    if not own and value not in METRICS:
        raise ValueError(
            f"there is no metric {value!r} (allowed: {', '.join(METRICS)}, or "
            "training:FUNCTION for a function in training.py)"
        )
    return value


class Evaluation(Strict):
    """How champion and challenger are compared."""

    metric: Annotated[str, AfterValidator(_metric)] | None = None
    """Metric that decides. Without it: ``f1`` for classification, ``rmse`` for the other tasks. For
    classification: ``f1``, ``f1_macro``, ``f1_weighted``, ``accuracy``, ``balanced_accuracy``,
    ``mcc``, ``precision``, ``recall``, and of the probabilities ``roc_auc``, ``pr_auc``,
    ``log_loss``, ``brier``. For the others: ``rmse``, ``mae``, ``mape``, ``smape``,
    ``r2``, ``pinball``. For every task ``training:FUNCTION``, a function of yours in
    ``training.py`` that takes ground truth and answers and returns a number.
    ``docs/evaluation.md`` defines each."""
    greater_is_better: bool | None = None
    """Whether a larger value of a function of yours is a better one. It needs this key, and the
    other metrics have none."""
    metric_input: Literal["answers", "probabilities"] = "answers"
    """What a function of yours takes: labels as text, or numbers; or probabilities. Of two classes
    these are 1 and 0 for the class ``positive`` and the other one, and the probability of
    ``positive``; of more classes they have a column for each class, in sorted order."""
    positive: str | None = None
    """Of two classes the one that ``f1``, ``precision``, ``recall`` and the metrics of a
    probability are about; without it the last one in sorted order (``1`` of ``0, 1``). Write
    booleans as ``"True"`` and ``"False"``."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | Literal["tuned"] | None = None
    """Least probability with which the last of two classes, in sorted order, is predicted. Without
    it the more probable class is. ``tuned``: the value whose ``metric`` is best on the newest fifth
    of the training rows, by a model fitted on the others; training then takes about twice as long.
    It is part of the bundle, so evaluation and serving decide by it too."""
    quantile: float = Field(default=0.5, gt=0, lt=1)
    """The quantile that ``pinball`` scores."""
    interval: float | None = Field(default=None, ge=0.5, le=0.999)
    """Share of the rows whose ground truth lies in the prediction interval, for regression and time
    series (0.9: nine of ten). Each answer then has an interval. Its width comes from the errors of
    the judged model on the holdout (split conformal prediction), so at least ``interval / (1 -
    interval)`` rows must be held out: 9 for 0.9, 99 for 0.99. Without it there are no intervals."""
    min_improvement: float = Field(default=0.0, ge=0)
    """Least improvement of the metric that counts as better: in points of a score (0.01: F1 from
    .50 to .51), and in the unit of the target for RMSE, MAE and pinball. A challenger is promoted
    if it improves by more than this with probability ``confidence``. The same rule decides whether
    training takes a shorter window of rows than ``[retraining] training_window_rows``: a large
    value also keeps training on old rows."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Probability with which the challenger must be better while the world is quiet. Where it
    moves, the champion must be better with ``1 - 4 (1 - confidence)`` to stay
    (``docs/promotion.md``). It also decides about shorter training windows, and with which
    probability a challenger in the shadow stage must be worse to be refused."""
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
    drift check starts no retraining, and another one is skipped (``Retraining Skipped``). Without
    it: 40, and a drift check waits for a tenth of the champion's rows, at least 100, or for a
    twentieth where the metric has surely fallen."""
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

    @property
    def takes_probabilities(self) -> bool:
        """Whether the metric that decides scores the probabilities of classes."""
        return self.metric in PROBABILITY_METRICS or self.metric_input == "probabilities"

    @property
    def own_metric(self) -> tuple[str, str] | None:
        """The file, without its ending, and the function of a metric of the user's."""
        own = _OWN.fullmatch(self.metric or "")
        return None if own is None else (own[1], own[2])

    @model_validator(mode="after")
    def _own_metric_fits(self) -> Evaluation:
        own = self.own_metric is not None
        if own != (self.greater_is_better is not None):
            raise ValueError(
                f"evaluation.metric {self.metric!r} is a function of yours: say with "
                "greater_is_better = true or false which values are better"
                if own
                else "evaluation.greater_is_better is for a function of yours, and the metric is "
                f"{self.metric!r}"
            )
        if self.metric_input != "answers" and not own:
            raise ValueError("evaluation.metric_input is for a function of yours")
        if self.takes_probabilities and self.threshold == "tuned":
            raise ValueError(
                f"a threshold changes no probability, so {self.metric} cannot tune it; set a "
                "number, or a metric of labels"
            )
        return self
