"""The section ``[retraining]``: what starts one, how often, and on which rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from evergreen.model_definition.base import Period, Strict


class Retraining(Strict):
    """What starts a retraining, how often at most, and where it is computed."""

    by: Literal["training", "import"] = "training"
    """What makes a model's versions: ``training``, the function in ``training.py``; ``import``, a
    person who brings each as an ONNX file (``evergreen import``). Then there is no
    ``training.py``, and nothing is retrained: drift and a worse metric are reported, and the next
    version is imported."""
    on: tuple[Literal["data_drift", "performance", "estimated_performance", "new_rows"], ...] = (
        "data_drift",
        "performance",
        "new_rows",
    )
    """What starts a retraining, each on enough new labelled rows: ``data_drift`` (the inputs have
    moved), ``performance`` (the metric on ground truth is worse than at promotion),
    ``estimated_performance`` (the metric as estimated without ground truth is worse than at
    promotion; only while too few rows of the window have ground truth), and ``new_rows`` alone,
    (half as many as the champion's data set has, or where something has moved three quarters of
    those that make newer models surely better)."""
    cooldown: Period | None = None
    """Time after the start of a retraining in which no verdict starts another. Without it: six
    hours, and at least one and a half periods of the most frequent schedule, so that a check lies
    between two retrainings. A data set that has grown by a half, and new rows of a model that is
    surely worse after a single check, wait for six hours alone. ``cooldown`` in ``cdk.json``
    replaces it."""
    consecutive: int | None = Field(default=None, ge=1)
    """Windows in a row, without common rows, that must raise the alarm before a retraining starts.
    If windows overlap, each check must raise it, but the overlapping ones do not count. Without it:
    one, and two for a drift that is in doubt (no p-value is at most 0.001)."""
    refill: Period | None = None
    """Time in which the budget of retrainings grows by one. Without it there is no budget: how
    often a model is retrained follows from its rows and from what came of earlier retrainings."""
    burst: int = Field(default=2, ge=1)
    """Most retrainings that the budget holds; it is full at the start. Without ``refill`` it means
    nothing."""
    training_window_rows: int = Field(default=200_000, ge=100)
    """Most rows that a challenger is trained on, the newest ones outside the holdout. Training
    takes the newest half, quarter or eighth of them if that is better by the rule of
    ``[evaluation]``."""
    min_training_rows: int = Field(default=400, ge=100)
    """Fewest rows of such a shorter window. With as many as ``training_window_rows``, training
    always takes all rows."""
    label_wait: Period = timedelta(days=30)
    """Longest time from a prediction to its ground truth. Ground truth that comes later is not
    used for training."""
    recency_half_life: Period | None = None
    """Age at which a row counts half as much in training as the newest. The model's ``train`` must
    then take ``sample_weight``. Without it, all rows count the same."""
    every: Period | None = None
    """Time between two retrainings on a schedule, in whole minutes, whatever the verdicts say.
    Without it there is no such schedule."""
    compute: Literal["lambda", "sagemaker"] = "lambda"
    """Where a challenger is trained: ``lambda`` in a function (15 minutes, 3 GB), ``sagemaker`` in
    a training job (AWS only; on LocalStack a function trains)."""
    instance_type: str = Field(default="ml.m5.xlarge", pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")
    """Instance type of a SageMaker training job."""
    time_limit: Period = timedelta(hours=4)
    """Time after which a SageMaker training job is stopped."""

    @model_validator(mode="after")
    def _recipe_fits(self) -> Retraining:
        if self.by == "import" and self.every is not None:
            raise ValueError("every does not fit by = 'import', which retrains nothing")
        return self
