"""The counters of promotions, rejections and rollbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.metrics.catalog import Metric
from functions.shared.metrics import Recorder

if TYPE_CHECKING:
    from evergreen.release.decision_log import Decision

_COUNTERS: dict[Decision, Metric] = {
    "promote": Metric.PROMOTIONS,
    "reject": Metric.REJECTIONS,
    "roll_back": Metric.ROLLBACKS,
}


def count(model: str, decision: Decision) -> None:
    """Count a decision as 1 and the other kinds as 0, so that each counter has data."""
    recorder = Recorder(model)
    for kind, metric in _COUNTERS.items():
        recorder.record(metric, int(kind == decision))
    recorder.flush()
