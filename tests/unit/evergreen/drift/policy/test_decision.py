"""The decision's rules, one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evergreen.drift.detectors.univariate import UnivariateOutcome
from evergreen.drift.log import (
    CheckContext,
    DriftDecision,
    DriftDecisionRecord,
    MultivariateTest,
    PerformanceTest,
    UnivariateTest,
    record,
    window_id,
)
from evergreen.drift.policy.decision import decide, history_needed
from evergreen.model_definition import Drift, Retraining, Schedule

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def context(
    at: datetime = NOON, rows: int = 500, version: str = "1", window: Any = DAY
) -> CheckContext:
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


def features(*drifted: str) -> UnivariateOutcome:
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
    return UnivariateOutcome(tests, None)


def jointly(*, drifted: Any = False) -> MultivariateTest:
    return MultivariateTest(
        drifted=drifted,
        model_accuracy=0.8 if drifted else 0.5,
        threshold=0.525,
        auc=0.5,
        p_value=0.001 if drifted else 0.5,
        rows_per_side=500,
    )


def metric(*, drifted: Any) -> PerformanceTest:
    return PerformanceTest(
        metric="f1",
        drifted=drifted,
        value=0.3,
        interval_low=0.25,
        interval_high=0.35,
        threshold=0.5,
        labelled_rows=500,
    )


def conclude(
    univariate: UnivariateOutcome | None = None,
    multivariate: MultivariateTest | None = None,
    performance: PerformanceTest | None = None,
    *,
    at: datetime = NOON,
    rows: int = 500,
    version: str = "1",
    window: Any = DAY,
    history: Any = (),
    **policy: Any,
) -> DriftDecision:
    return decide(
        context(at, rows, version, window),
        univariate or features(),
        multivariate or jointly(),
        performance,
        drift=Drift(min_rows=200),
        retraining=Retraining(**policy),
        history=history,
    )


def past(
    at: datetime,
    triggers: Any = ("data_drift",),
    verdict: Any = "drift",
    *,
    started: bool = False,
    **where: Any,
) -> DriftDecisionRecord:
    decision = DriftDecision(
        verdict=verdict, start_retraining=started, triggers=triggers, reason="earlier"
    )
    line = record(context(at, **where), decision)
    assert isinstance(line, DriftDecisionRecord)
    return line


def test_nothing_moved() -> None:
    decision = conclude()
    assert (decision.verdict, decision.start_retraining) == ("no_drift", False)
    assert decision.reason == (
        "0 of 3 features drifted; window told from reference with accuracy 0.500, within the limit "
        "of 0.525; no retraining: nothing moved"
    )


def test_one_feature_is_enough() -> None:
    decision = conclude(features("b"))
    assert (decision.verdict, decision.start_retraining) == ("drift", True)
    assert decision.drifted_features == ("b",)
    assert decision.triggers == ("data_drift",)
    assert "1 of 3 features drifted (b)" in decision.reason


def test_the_joint_distribution_is_enough() -> None:
    decision = conclude(multivariate=jointly(drifted=True))
    assert (decision.verdict, decision.start_retraining) == ("drift", True)
    assert decision.drifted_features == ()
    assert "above the limit" in decision.reason


@pytest.mark.parametrize("rows", [0, 1, 199])
def test_too_few_rows_is_never_a_verdict(rows: int) -> None:
    decision = conclude(features("a"), jointly(drifted=True), rows=rows)
    assert (decision.verdict, decision.start_retraining) == ("insufficient_data", False)
    assert decision.reason == f"{rows} rows in the window, 200 needed"


def test_just_enough_rows() -> None:
    assert conclude(features("a"), rows=200).verdict == "drift"


@pytest.mark.parametrize(
    ("on", "drifted", "degraded", "starts"),
    [
        (("data_drift",), True, False, True),
        (("data_drift",), False, True, False),
        (("performance",), True, False, False),
        (("performance",), False, True, True),
        (("data_drift", "performance"), False, True, True),
        ((), True, True, False),
    ],
)
def test_only_what_the_policy_names_starts_a_retraining(
    on: Any, drifted: Any, degraded: bool, starts: bool
) -> None:
    decision = conclude(
        features("a") if drifted else features(), performance=metric(drifted=degraded), on=on
    )
    assert decision.start_retraining is starts
    assert ("data_drift" in decision.triggers) is drifted
    assert ("performance" in decision.triggers) is degraded
    assert decision.verdict == ("drift" if drifted else "no_drift")


@pytest.mark.parametrize(
    ("ago", "starts"), [(HOUR, False), (5.99 * HOUR, False), (6 * HOUR, True), (DAY, True)]
)
def test_cooldown(ago: timedelta, starts: bool) -> None:
    decision = conclude(features("a"), history=[past(NOON - ago, started=True)], cooldown=6 * HOUR)
    assert decision.verdict == "drift"
    assert decision.start_retraining is starts
    assert ("the cooldown is 6:00:00" in decision.reason) is not starts


def test_cooldown_counts_from_starts_only_and_over_all_versions_and_windows() -> None:
    drifted = features("a")
    assert conclude(drifted, history=[past(NOON - HOUR)]).start_retraining
    elsewhere = past(NOON - HOUR, started=True, version="0", window=HOUR)
    assert not conclude(drifted, history=[elsewhere]).start_retraining


@pytest.mark.parametrize(
    ("history", "starts"),
    [
        ([past(NOON - DAY)], False),
        ([past(NOON - DAY), past(NOON - 2 * DAY)], True),
        ([past(NOON - DAY), past(NOON - 2 * DAY, (), "no_drift"), past(NOON - 3 * DAY)], False),
        (
            [past(NOON - DAY), past(NOON - 2 * DAY, (), "insufficient_data"), past(NOON - 3 * DAY)],
            True,
        ),
        ([past(NOON - DAY), past(NOON - 2 * DAY, version="0")], False),
        ([past(NOON - DAY), past(NOON - 2 * DAY, window=HOUR)], False),
        ([past(NOON - DAY), past(NOON - 2 * DAY, ("performance",), "no_drift")], False),
        ([past(NOON - DAY), past(NOON + DAY)], False),
    ],
)
def test_consecutive(history: Any, starts: bool) -> None:
    decision = conclude(features("a"), history=history, consecutive=3)
    assert decision.start_retraining is starts


def test_consecutive_says_how_far_it_got() -> None:
    decision = conclude(features("a"), history=[past(NOON - DAY)], consecutive=3)
    assert decision.reason.endswith("no retraining: 2 of 3 windows in a row")


def test_a_window_checked_twice_is_one_window() -> None:
    again = past(NOON).model_copy(update={"timestamp": NOON - timedelta(minutes=1)})
    assert not conclude(features("a"), history=[again], consecutive=2).start_retraining


def every(period: timedelta, hours: int, *quiet: int) -> list[DriftDecisionRecord]:
    """Checks of the last 24 hours, in which drift was seen but in those ``quiet`` hours ago."""
    return [
        past(NOON - ago * HOUR, (), "no_drift") if ago in quiet else past(NOON - ago * HOUR)
        for ago in range(1, hours + 1)
        if ago % (period / HOUR) == 0
    ]


@pytest.mark.parametrize(
    ("history", "counted"),
    [
        (every(HOUR, 23), 1),  # all of them saw some of what this window sees
        (every(HOUR, 24), 2),
        (every(HOUR, 47), 2),
        (every(HOUR, 48), 3),
        (every(HOUR, 48, 30), 2),  # in between all was well
        (every(HOUR, 48, 1), 1),
        (every(6 * HOUR, 48), 3),
        (every(DAY, 48), 3),
    ],
)
def test_windows_that_slide_over_each_other_do_not_confirm_each_other(
    history: Any, counted: int
) -> None:
    decision = conclude(features("a"), history=history, consecutive=4)
    assert decision.reason.endswith(f"{counted} of 4 windows in a row")


@pytest.mark.parametrize(("late", "starts"), [(0, True), (5, True), (7, False), (-20, True)])
def test_a_check_that_starts_a_little_early_or_late_still_counts(late: int, starts: bool) -> None:
    """Every hour on the last hour: up to six minutes may be in both windows."""
    before = past(NOON - HOUR + timedelta(minutes=late), window=HOUR)
    decision = conclude(features("a"), window=HOUR, history=[before], consecutive=2)
    assert decision.start_retraining is starts


def test_schedules_of_different_windows_do_not_confirm_each_other() -> None:
    others = [past(NOON - DAY, window=HOUR), past(NOON - DAY, window=6 * HOUR)]
    assert not conclude(features("a"), history=others, consecutive=2).start_retraining


def test_history_reaches_over_cooldown_and_windows() -> None:
    hourly = Drift(schedules=(Schedule(every=HOUR, window=DAY),))
    monthly = Drift(schedules=(Schedule(every=30 * DAY, window=DAY),))
    assert history_needed(monthly, Retraining(), DAY) == 60 * DAY  # the check before
    assert history_needed(hourly, Retraining(cooldown=30 * DAY), DAY) == 30 * DAY
    assert history_needed(hourly, Retraining(consecutive=3), DAY) == 3 * (DAY + HOUR)
    rarely = Drift(schedules=(Schedule(every=7 * DAY, window=HOUR),))
    assert history_needed(rarely, Retraining(consecutive=2), HOUR) == 2 * (7 * DAY + HOUR)
