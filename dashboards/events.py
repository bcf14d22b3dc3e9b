"""What is marked in every panel of every dashboard."""

from __future__ import annotations

from dataclasses import dataclass

from evergreen.metrics import Metric


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens once in a while, and the counter that counts it."""

    title: str
    says: str
    metric: Metric
    colour: str


EVENTS = (
    Event("Promotions", "A challenger went into production.", Metric.PROMOTIONS, "green"),
    Event("Drift episodes", "Drift started a retraining.", Metric.DRIFT_RETRAININGS, "orange"),
)

MARK_PERIOD_SECONDS = 300
"""Period of the CloudWatch alarms whose history is the marks: Grafana finds them by it."""
