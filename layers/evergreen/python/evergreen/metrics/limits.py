"""The limits of the metrics: one table for CloudWatch's alarms, Grafana and Prometheus.

So a panel's line, an alarm and an alert rule cannot disagree. A limit that follows from a setting
of the deployment, such as the period of its schedules, is in the table of alarms alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evergreen.metrics.catalog import Metric


@dataclass(frozen=True, slots=True)
class MetricLimit:
    """What is too much, or too little, of a metric.

    Parameters
    ----------
    metric, statistic
        What is compared, for each model. The statistic is CloudWatch's.
    threshold
        In CloudWatch's unit. At or above it, something is wrong; below it, if ``below``.
    runbook
        The page in ``docs/runbooks`` that says what to do, without its ending.
    """

    metric: Metric
    statistic: Literal["Average", "Maximum", "Minimum", "Sum", "p99"]
    threshold: float
    runbook: str
    below: bool = False


LIMITS = (
    # Each answer counts 1 or 0, so the mean is the share of the answers that failed.
    MetricLimit(Metric.SERVER_ERRORS, "Average", 0.05, "server-errors"),
    MetricLimit(Metric.RESPONSE_TIME, "p99", 1000, "slow-answers"),
    MetricLimit(Metric.HEALTHY, "Minimum", 1, "unhealthy", below=True),
    MetricLimit(Metric.MODEL_LOAD_FAILURES, "Sum", 1, "model-load-failures"),
    MetricLimit(Metric.LOG_SPILLS, "Sum", 1, "log-spills"),
    MetricLimit(Metric.DRIFTED_SHARE, "Maximum", 50, "drift"),
    MetricLimit(Metric.LIVE_METRIC_WORSE, "Maximum", 1, "live-metric-worse"),
)
"""Every limit that no setting changes."""

LIMIT_OF = {limit.metric: limit for limit in LIMITS}
"""The limits by metric."""
