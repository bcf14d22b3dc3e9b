"""The section ``[retraining]``: what starts one, how often, and on which rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from evergreen.model_definition.base import Period, Strict


class Retraining(Strict):
    """What starts a retraining, how often at most, and where it is computed."""

    on: tuple[Literal["data_drift", "performance"], ...] = ("data_drift",)
    cooldown: Period = timedelta(hours=6)
    consecutive: int = Field(default=1, ge=1)
    """Windows in a row that must raise the alarm. They share no rows: of a window that slides
    over itself, every check must raise it too, but those in between do not count."""
    refill: Period | None = None
    """How often one retraining is earned; without it they are not counted. Seasons move a model's
    inputs all the time: what is saved in quiet times is there when the world really changes."""
    burst: int = Field(default=2, ge=1)
    """How many retrainings can be saved up; a model begins with as many."""
    training_window_rows: int = Field(default=200_000, ge=100)
    min_training_rows: int = Field(default=400, ge=100)
    """Where older rows do harm, training looks less far back, but never at fewer rows than these;
    as many as ``training_window_rows``, and it always takes them all."""
    label_wait: Period = timedelta(days=30)
    """How long after its prediction a row's ground truth may still come in and be used."""
    recency_half_life: Period | None = None
    """With it, a row this much older than the newest counts half as much in training; the model's
    ``train`` then takes ``sample_weight``. Without it, all rows count the same."""
    every: Period | None = None
    """Retrain on a schedule too, whatever the verdicts say."""
    compute: Literal["lambda", "sagemaker"] = "lambda"
    """Where the challenger is fitted: in a function (15 minutes, 3 GB), or as a training job."""
    instance_type: str = Field(default="ml.m5.xlarge", pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")
    """What a training job runs on."""
    time_limit: Period = timedelta(hours=4)
    """When a training job is stopped."""
