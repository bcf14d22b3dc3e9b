"""The comparison of champion and challenger, as data: small, it goes from state to state."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from evergreen.datasets.manifest import AgeEffect


class SegmentResult(BaseModel):
    """How both models did on one segment of the holdout."""

    model_config = ConfigDict(frozen=True)

    feature: str
    """The feature."""
    segment: str
    """The value, or for a number the range; at most 60 characters."""
    rows: int
    """Rows of the segment."""
    champion: float
    """The metric of the champion."""
    challenger: float
    """The metric of the challenger."""
    probability_worse: float | None = None
    """That the challenger is worse by more than is allowed; None: too few rows to be judged."""
    refused: bool = False
    """Whether this refuses the challenger."""

    def explain(self, metric: str) -> str:
        """Say how the challenger did here."""
        sure = (
            "too few rows to judge"
            if self.probability_worse is None
            else f"probability {self.probability_worse:.4f}"
        )
        return (
            f"{self.feature} = {self.segment} ({metric} {self.challenger:.4g} against "
            f"{self.champion:.4g} on {self.rows} rows, {sure})"
        )


class Comparison(BaseModel):
    """Which of two models won, and on what evidence."""

    model_config = ConfigDict(frozen=True)

    decision: Literal["promote", "reject"]
    """What follows."""
    metric: str
    """Name of the metric that decides."""
    metric_champion: float | None
    """None where nothing was in production to compare with."""
    metric_challenger: float
    """Its value for the challenger."""
    probability_better: float | None
    """That the challenger is better by more than is asked for: by the holdout, pooled with
    ``aging`` where there is any (:mod:`evergreen.evaluation.pooling`)."""
    probability_required: float | None = None
    """What ``probability_better`` had to reach, by whether the world moves
    (:mod:`evergreen.evaluation.decision`)."""
    probability_on_holdout: float | None = None
    """Share of the resamples of the holdout in which the challenger is better by more than is asked
    for. None in records that were written before there was other evidence."""
    aging: AgeEffect | None = None
    """What the rolling origins of the challenger's data set say about its new rows; None if that
    was not looked at."""
    interval: tuple[float, float] | None
    """Central percentile interval of the improvement, at the definition's confidence."""
    rows: int
    """Rows that both were judged on."""
    reason: str
    """The decision in words."""
    beside_champion: dict[str, float] = {}
    """Metrics that do not decide, by name: see :mod:`evergreen.evaluation.metrics`."""
    beside_challenger: dict[str, float] = {}
    """The same for the challenger."""
    seen_by_champion: int | None = None
    """How many of the rows the champion was trained on; None where that is not known."""
    seen_by_challenger: int | None = None
    """The same for the challenger."""
    segments: tuple[SegmentResult, ...] = ()
    """The protected segments that say most against the challenger, at most five."""
    segments_judged: int = 0
    """In how many it was compared in a way that could have refused it."""
    champion: str | None = None
    """The version that was in production then."""
    serves: str | None = None
    """What serves after a promotion, in words: the judged model, or the same recipe fitted on all
    rows. None for versions that were made before there was a choice."""
    report_uri: str | None = None
    """Where the report with all segments and the pictures is, once there is one."""

    def then_serves(self, serves: str | None) -> Comparison:
        """Return the comparison with what serves after a promotion; its reason says so too."""
        told = f"{self.reason}; {serves}" if serves and self.decision == "promote" else self.reason
        return self.model_copy(update={"serves": serves, "reason": told})
