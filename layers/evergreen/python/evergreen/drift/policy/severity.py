"""How bad is it? Two degrees, from how far things moved and not from how sure the tests are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.drift.records import (
        DriftDecision,
        PerformanceEstimate,
        PerformanceTest,
        UnivariateTest,
    )
    from evergreen.events import Severity, Trigger

LARGE_EFFECT = 0.3
"""Every effect size is a share of rows. At 0.3 three rows in ten lie elsewhere, which for a bell
curve is a shift by three quarters of its standard deviation."""
LARGE_LOSS = 0.1
"""Share of the metric at promotion. Past it with its whole interval, a model has lost more than
one retraining usually wins."""


def severity_by_kind(
    decision: DriftDecision,
    univariate: Sequence[UnivariateTest],
    performance: PerformanceTest | None,
    estimate: PerformanceEstimate | None,
) -> dict[Trigger, Severity]:
    """Return how bad it is of each kind about which a check has a finding, moved or not.

    With too few rows there is no finding about any kind. Without a measurement there is none
    about performance. An estimate is a finding where the model retrains on it. Ground truth that
    finds the metric no worse ends what the estimate said; ground truth that finds it worse leaves
    it as it is.
    """
    if decision.verdict == "insufficient_data":
        return {}
    found: dict[Trigger, Severity] = {"data_drift": drift_severity(univariate)}
    if performance is not None and performance.value is not None:
        found["performance"] = performance_severity(performance)
    fallen = performance is not None and performance.drifted
    if estimate is not None and estimate.enabled and estimate.value is not None and not fallen:
        found["estimated_performance"] = performance_severity(estimate)
    return found


def drift_severity(tests: Sequence[UnivariateTest]) -> Severity:
    """Return ``critical`` where one drifted feature moved by :data:`LARGE_EFFECT` or more.

    The joint test does not count: many small shifts together are told apart as easily as a large
    one, and most of them a model hardly feels.
    """
    moved = [test.effect_size for test in tests if test.drifted and test.effect_size is not None]
    return "critical" if max(moved, default=0.0) >= LARGE_EFFECT else "warning"


def performance_severity(test: PerformanceTest | PerformanceEstimate) -> Severity:
    """Return ``critical`` where the whole interval is worse by :data:`LARGE_LOSS` or more.

    F1 is worse when smaller, and RMSE when larger: which of them it is shows in the values.
    """
    low, high, promoted = test.interval_low, test.interval_high, test.threshold
    if low is None or high is None or promoted is None:
        return "warning"
    if high < promoted:
        return "critical" if high <= promoted * (1 - LARGE_LOSS) else "warning"
    return "critical" if low >= promoted * (1 + LARGE_LOSS) else "warning"
