"""Event marks: the events that every panel of every dashboard marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evergreen.metrics.catalog import BY_METRIC, Metric


@dataclass(frozen=True, slots=True)
class EventMark:
    """A marked event, and the metric that shows it.

    A counter increases when the event happens. A gauge is above 0 while the event lasts, so both
    its beginning and its end are marked.
    """

    title: str
    says: str
    metric: Metric
    colour: str

    @property
    def lasts(self) -> bool:
        """Whether the event has a beginning and an end."""
        return BY_METRIC[self.metric].kind == "gauge"

    @property
    def statistic(self) -> Literal["Maximum", "Sum"]:
        """The CloudWatch statistic that shows the event."""
        return "Maximum" if self.lasts else "Sum"


EVENT_MARKS = (
    EventMark("Promotions", "A challenger went into production.", Metric.PROMOTIONS, "green"),
    EventMark(
        "Drift episodes",
        "Drift or degraded performance, from the check that found it to the first without it.",
        Metric.OPEN_EPISODES,
        "orange",
    ),
    EventMark("Retrainings", "Drift started a retraining.", Metric.DRIFT_RETRAININGS, "blue"),
    EventMark("Rollbacks", "An older version went back into production.", Metric.ROLLBACKS, "red"),
)

MARK_PERIOD_SECONDS = 300
"""Period of the CloudWatch alarms whose history gives the marks; Grafana finds the alarms by it."""
