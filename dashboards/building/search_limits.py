"""Limits of what a search finds: metrics of AWS's own services, and metrics that fail to come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from evergreen.metrics.catalog import MODEL_DIMENSION, NAMESPACE, Metric
from evergreen.metrics.freshness import OF_ALL_MODELS, OLD_AFTER


@dataclass(frozen=True, slots=True)
class SearchLimit:
    """What is too much, or too little, of each series that a search of CloudWatch finds.

    Parameters
    ----------
    namespace, metric, dimension
        What is searched: the metric under this dimension alone.
    terms
        Words that the value of the dimension must have. CloudWatch splits a value at its dashes.
    statistic, threshold, runbook, below
        As in :class:`evergreen.metrics.limits.MetricLimit`.
    period
        Seconds of one value.
    look_back
        Seconds that are looked at. The newest value counts, or with ``silence_is_zero`` the sum.
    silence_is_zero
        Whether a period without data counts as 0. CloudWatch finds a series for two weeks after
        its last value.
    """

    namespace: str
    metric: str
    dimension: str
    terms: tuple[str, ...]
    statistic: Literal["Maximum", "SampleCount", "Sum"]
    threshold: float
    runbook: str
    below: bool = False
    period: int = 300
    look_back: int = 900
    silence_is_zero: bool = False


DRIFT_CHECK_MISSING = SearchLimit(
    namespace=NAMESPACE,
    metric=Metric.WINDOW_ROWS.value,
    dimension=MODEL_DIMENSION,
    terms=(),
    statistic="SampleCount",
    threshold=1,
    runbook="drift-check-missing",
    below=True,
    period=3600,
    look_back=26 * 3600,
    silence_is_zero=True,
)
"""No drift check within 26 hours, of a model that had one within two weeks."""
_OLD_HOURS = OLD_AFTER // timedelta(hours=1)
METRICS_OLD = SearchLimit(
    namespace=NAMESPACE,
    metric=OF_ALL_MODELS.value,
    dimension=MODEL_DIMENSION,
    terms=(),
    statistic="SampleCount",
    threshold=1,
    runbook="metrics-old",
    below=True,
    period=3600,
    look_back=(_OLD_HOURS + 1) * 3600,
    silence_is_zero=True,
)
"""No metric of the hourly compaction, which writes one of every model, with traffic or without."""
DEAD_LETTERS = SearchLimit(
    namespace="AWS/SQS",
    metric="ApproximateNumberOfMessagesVisible",
    dimension="QueueName",
    terms=("evergreen", "dead", "letters"),
    statistic="Maximum",
    threshold=1,
    runbook="dead-letters",
)
RETRAINING_FAILED = SearchLimit(
    namespace="AWS/States",
    metric="ExecutionsFailed",
    dimension="StateMachineArn",
    terms=("evergreen", "train", "evaluate", "promote"),
    statistic="Sum",
    threshold=1,
    runbook="retraining-failed",
)
THROTTLES = SearchLimit(
    namespace="AWS/Lambda",
    metric="Throttles",
    dimension="FunctionName",
    terms=("evergreen",),
    statistic="Sum",
    threshold=1,
    runbook="throttles",
)
FRESHNESS = SearchLimit(
    namespace="AWS/Firehose",
    metric="DeliveryToS3.DataFreshness",
    dimension="DeliveryStreamName",
    terms=("evergreen",),
    statistic="Maximum",
    threshold=3600,
    runbook="log-spills",
)
"""The age of the oldest record that a stream has not delivered; it buffers 15 minutes at most."""


@dataclass(frozen=True, slots=True)
class ServicePanel:
    """A panel on a metric of one of AWS's own services, with a line for each series found.

    Parameters
    ----------
    title, says
        Its title and its description.
    limit
        What is searched, and from where on it is too much.
    unit
        Grafana's unit.
    """

    title: str
    says: str
    limit: SearchLimit
    unit: str = "short"


SERVICE_PANELS = (
    ServicePanel("Throttled calls", "Calls that Lambda rejected, by function.", THROTTLES),
    ServicePanel(
        "Age of undelivered records",
        "Age of the oldest record that Firehose has not written to S3, by stream.",
        FRESHNESS,
        "s",
    ),
    ServicePanel(
        "Undelivered events", "Messages in the dead-letter queues, by queue.", DEAD_LETTERS
    ),
    ServicePanel(
        "Failed retrainings", "Executions of the state machine that failed.", RETRAINING_FAILED
    ),
)
"""What the overview on CloudWatch shows of AWS's own services."""
