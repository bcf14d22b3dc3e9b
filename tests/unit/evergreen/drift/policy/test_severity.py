"""Two degrees, from effects and losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evergreen.drift.policy.severity import (
    drift_severity,
    performance_severity,
    severity_by_kind,
)
from evergreen.drift.records import PerformanceTest, UnivariateTest
from tests.support.drift_checks import conclude, estimated, measured

if TYPE_CHECKING:
    from evergreen.events import Severity


def effect(size: float | None, *, drifted: bool = True) -> UnivariateTest:
    return UnivariateTest(
        feature_name="a",
        method="ks",
        drifted=drifted,
        p_value=0.001,
        p_value_corrected=0.001,
        threshold=0.05,
        effect_size=size,
        effect_threshold=0.05,
    )


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        ([], "warning"),
        ([effect(0.29), effect(None)], "warning"),
        ([effect(0.1), effect(0.3)], "critical"),
        ([effect(0.1), effect(0.9, drifted=False)], "warning"),
    ],
)
def test_one_feature_that_moved_far_is_critical(
    tests: list[UnivariateTest], expected: Severity
) -> None:
    assert drift_severity(tests) == expected


@pytest.mark.parametrize(
    ("low", "high", "promoted", "expected"),
    [
        (0.6, 0.75, 0.8, "warning"),
        (0.6, 0.72, 0.8, "critical"),
        (10.5, 12.0, 10.0, "warning"),
        (11.0, 12.0, 10.0, "critical"),
        (None, None, 10.0, "warning"),
        (0.6, 0.7, None, "warning"),
    ],
)
def test_a_metric_that_lost_a_tenth_for_certain_is_critical(
    low: float | None, high: float | None, promoted: float | None, expected: Severity
) -> None:
    test = PerformanceTest(
        metric="f1",
        drifted=True,
        value=low,
        interval_low=low,
        interval_high=high,
        threshold=promoted,
        labelled_rows=300,
    )
    assert performance_severity(test) == expected


def test_an_estimate_is_a_finding_until_ground_truth_says_more() -> None:
    decision = conclude()
    fell = estimated(0.6, 0.8)
    for estimate, performance, found in (
        (fell, None, True),
        (fell, measured(0.8, 0.8), True),  # and none that moved: the decision names no trigger
        (fell, measured(0.5, 0.8, worse=True), False),
        (estimated(0.6, 0.8, enabled=False), None, False),
        (None, None, False),
    ):
        kinds = severity_by_kind(decision, (), performance, estimate)
        assert ("estimated_performance" in kinds) is found
    assert severity_by_kind(decision, (), None, fell)["estimated_performance"] == "critical"
