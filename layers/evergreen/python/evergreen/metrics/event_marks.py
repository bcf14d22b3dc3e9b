"""What is marked in every panel of every dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evergreen.metrics.catalog import BY_METRIC, Metric


@dataclass(frozen=True, slots=True)
class EventMark:
    """Something that happens once in a while, and the metric that shows it.

    A counter moves when it happens. A gauge is above 0 for as long as it lasts, so that its
    beginning and its end are both marked.
    """

    title: str
    says: str
    metric: Metric
    colour: str

    @property
    def lasts(self) -> bool:
        """Whether it has an end of its own."""
        return BY_METRIC[self.metric].kind == "gauge"

    @property
    def statistic(self) -> Literal["Maximum", "Sum"]:
        """What CloudWatch is asked for."""
        return "Maximum" if self.lasts else "Sum"


EVENT_MARKS = (
    EventMark("Promotions", "A challenger went into production.", Metric.PROMOTIONS, "green"),
    EventMark(
        "Drift episodes",
        "Drift or degraded performance, from the check that found it to the one that saw it gone.",
        Metric.OPEN_EPISODES,
        "orange",
    ),
    EventMark("Retrainings", "Drift started a retraining.", Metric.DRIFT_RETRAININGS, "blue"),
    EventMark("Rollbacks", "An older version went back into production.", Metric.ROLLBACKS, "red"),
)

MARK_PERIOD_SECONDS = 300
"""Period of the CloudWatch alarms whose history is the marks: Grafana finds them by it."""
