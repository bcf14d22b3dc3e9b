"""Results of drift checks as input of the retraining policy, with values from a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from evergreen.datasets.pace import RowsNeeded
from evergreen.drift.detectors.univariate import UnivariateResult
from evergreen.drift.policy.decision import decide
from evergreen.drift.policy.situation import LatestRetraining, RowLimits
from evergreen.drift.policy.waits import LabelledRows
from evergreen.drift.records import (
    CheckContext,
    DriftDecision,
    DriftDecisionRecord,
    MultivariateTest,
    PerformanceEstimate,
    PerformanceTest,
    UnivariateTest,
    to_record,
    window_id,
)
from evergreen.model_definition import Retraining

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evergreen.events import Ground

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MIN_ROWS = 200
NEEDED: dict[Ground, RowsNeeded] = {
    "data_drift": RowsNeeded(100, "a tenth"),
    "performance": RowsNeeded(40, "a twentieth"),
    "estimated_performance": RowsNeeded(40, "a twentieth"),
    "new_rows": RowsNeeded(5000, "half"),
}


def context(
    at: datetime = NOON, *, rows: int = 500, version: str = "1", window: timedelta = DAY
) -> CheckContext:
    """Return the context of a check whose window ends at a moment."""
    return CheckContext(
        timestamp=at,
        reference_dataset_id="ds-0",
        subject_dataset_id=window_id("m", version, at - window, at),
        check_id=at.isoformat(),
        model="m",
        model_version=version,
        window_start=at - window,
        window_end=at,
        rows=rows,
    )


def features(*drifted: str) -> UnivariateResult:
    """Return the tests of the features a, b and c; those named have drifted."""
    tests = tuple(
        UnivariateTest(
            feature_name=name,
            method="ks",
            drifted=name in drifted,
            p_value=0.0 if name in drifted else 0.5,
            p_value_corrected=0.0 if name in drifted else 1.0,
            threshold=0.025,
            effect_size=0.3,
            effect_threshold=0.05,
        )
        for name in ("a", "b", "c")
    )
    return UnivariateResult(tests, None)


def in_doubt(found: UnivariateResult) -> UnivariateResult:
    """Return the same tests with p-values that chance may have made."""
    by_chance = {"p_value": 0.004, "p_value_corrected": 0.012}
    tests = tuple(
        test.model_copy(update=by_chance) if test.drifted else test for test in found.tests
    )
    return UnivariateResult(tests, found.evidently)


def jointly(*, drifted: bool = False, rows_per_side: int = 500) -> MultivariateTest:
    """Return the multivariate test."""
    return MultivariateTest(
        drifted=drifted,
        model_accuracy=0.8 if drifted else 0.5,
        threshold=0.525,
        auc=0.5,
        p_value=0.001 if drifted else 0.5,
        rows_per_side=rows_per_side,
    )


def measured(
    value: float, promoted: float, metric: str = "f1", *, worse: bool = False
) -> PerformanceTest:
    """Return the performance test of a metric, with an interval of 0.05 to either side."""
    return PerformanceTest(
        metric=metric,
        drifted=worse,
        value=value,
        interval_low=value - 0.05,
        interval_high=value + 0.05,
        threshold=promoted,
        labelled_rows=500,
        p_value=0.0 if worse else 0.5,
    )


BOTH = ("data_drift", "performance")
FALLEN = measured(0.3, 0.5, worse=True)
"""Surely worse by more than a tenth: 0.35 at best, against 0.50."""


def estimated(
    value: float, promoted: float, *, worse: bool = True, enabled: bool = True
) -> PerformanceEstimate:
    """Return an estimate of F1, with an interval of 0.05 to either side."""
    return PerformanceEstimate(
        metric="f1",
        worse=worse,
        enabled=enabled,
        value=value,
        interval_low=value - 0.05,
        interval_high=value + 0.05,
        threshold=promoted,
        rows=500,
    )


def decided(
    at: datetime,
    triggers: Any = ("data_drift",),
    verdict: Any = "drift",
    *,
    started: bool = False,
    version: str = "1",
    window: timedelta = DAY,
    **fields: Any,
) -> DriftDecisionRecord:
    """Return the decision of an earlier check as it is in the drift log."""
    grounds = {"because": triggers if started else ()}
    decision = DriftDecision(
        verdict=verdict,
        start_retraining=started,
        triggers=triggers,
        reason="earlier",
        **grounds | fields,
    )
    line = to_record(context(at, version=version, window=window), decision)
    assert isinstance(line, DriftDecisionRecord)
    return line


def conclude(
    univariate: UnivariateResult | None = None,
    multivariate: MultivariateTest | None = None,
    performance: PerformanceTest | None = None,
    *,
    estimate: PerformanceEstimate | None = None,
    about: CheckContext | None = None,
    history: Sequence[DriftDecisionRecord] = (),
    skipped: bool = False,
    runs: bool = False,
    labelled: int | Callable[[datetime | None], int] = 1000,
    aged: RowsNeeded | None = None,
    ages_fast: bool = False,
    world_moves: bool = False,
    every: timedelta = timedelta(),
    **policy: Any,
) -> DriftDecision:
    """Return the policy's decision; by default nothing has drifted.

    ``labelled`` is the number of labelled rows, since whenever they are counted or by that moment.
    """

    def count(since: datetime | None, enough: int) -> int:
        return min(labelled if isinstance(labelled, int) else labelled(since), enough)

    return decide(
        about or context(),
        univariate or features(),
        multivariate or jointly(),
        performance,
        estimate=estimate,
        limits=RowLimits(MIN_ROWS, NEEDED, LabelledRows(count), aged, ages_fast, world_moves),
        retraining=Retraining(**policy),
        history=history,
        latest=LatestRetraining(was_skipped=skipped, runs=runs),
        every=every,
    )
