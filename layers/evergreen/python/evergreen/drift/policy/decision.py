"""From the tests of a check to a verdict, and to a retraining or none: pure rules.

The table "The decision" in ``docs/retraining.md`` has one row for each
:data:`~evergreen.drift.records.DecisionOutcome`, in the order of :func:`_rows`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, get_args

from evergreen.drift.detectors.multivariate import MIN_ROWS_PER_SIDE
from evergreen.drift.policy.budget import budget_at
from evergreen.drift.policy.goal import goal_at
from evergreen.drift.policy.memory import lost_retrainings_at
from evergreen.drift.policy.severity import LARGE_LOSS
from evergreen.drift.policy.situation import Situation
from evergreen.drift.records import DriftDecision
from evergreen.events import Ground

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evergreen.drift.detectors.univariate import UnivariateResult
    from evergreen.drift.policy.goal import GoalStatus
    from evergreen.drift.policy.situation import LatestRetraining, RowLimits
    from evergreen.drift.policy.waits import GroundWait
    from evergreen.drift.records import (
        CheckContext,
        DecisionOutcome,
        DriftDecisionRecord,
        MultivariateTest,
        PerformanceEstimate,
        PerformanceTest,
    )
    from evergreen.events import Trigger, Verdict
    from evergreen.model_definition import Retraining


def decide(  # noqa: PLR0913 - each test of a check, the rules, and what came before
    context: CheckContext,
    univariate: UnivariateResult,
    multivariate: MultivariateTest,
    performance: PerformanceTest | None,
    *,
    estimate: PerformanceEstimate | None = None,
    limits: RowLimits,
    retraining: Retraining,
    history: Iterable[DriftDecisionRecord],
    latest: LatestRetraining,
    every: timedelta = timedelta(),
) -> DriftDecision:
    """Conclude a check: the verdict, the triggers, and whether a retraining starts.

    Parameters
    ----------
    context
        What the check looked at.
    univariate, multivariate, performance
        The outcomes of its tests; performance is None where it was not looked at.
    estimate
        The metric as estimated without ground truth, if it was.
    limits
        How many rows a verdict and a retraining need, and how many labelled rows there are.
    retraining
        The model's policy.
    history
        Decisions of earlier checks of the model, in any order.
    latest
        What came of the retraining that was started last.
    every
        Period of the model's most frequent schedule.
    """
    earlier = sorted(
        (item for item in history if item.timestamp < context.timestamp),
        key=lambda item: item.timestamp,
    )
    last = earlier[-1] if earlier else None
    skipped = latest.was_skipped
    budget = budget_at(context, retraining, last, last_was_skipped=skipped)
    goal = goal_at(context, performance, last, last_was_skipped=skipped)
    lacking = _lacking(context, multivariate, limits)
    # So few rows may seem to have moved. New labelled rows count all the same.
    triggers = () if lacking else _triggers(univariate, multivariate, performance, estimate, goal)
    lost = lost_retrainings_at(context, last, last_was_skipped=skipped)
    situation = Situation(
        context=context,
        univariate=univariate,
        multivariate=multivariate,
        performance=performance,
        limits=limits,
        retraining=retraining,
        earlier=earlier,
        budget=budget,
        goal=goal,
        lost=lost,
        triggers=triggers,
        latest=latest,
        every=every,
    )
    outcome, why = next(_rows(situation))
    starts = outcome == "retraining_starts"
    found = lacking or _describe(univariate, multivariate, performance, goal)
    if estimate is not None and "estimated_performance" in triggers:
        found += (
            f"; {estimate.metric} estimated at {estimate.value:.3f} against "
            f"{estimate.threshold:.3f}, and too few labels to measure it"
        )
    verdict: Verdict = "drift" if "data_drift" in triggers else "no_drift"
    if outcome == "insufficient_data":
        reason = why
    else:
        reason = f"{found}; {why if starts else f'no retraining: {why}'}"
    return DriftDecision(
        verdict="insufficient_data" if lacking else verdict,
        outcome=outcome,
        start_retraining=starts,
        triggers=triggers,
        drifted_features=() if lacking else univariate.drifted_features,
        because=_grounds(situation) if starts else (),
        budget_left=budget.after(started=starts) if budget else None,
        **goal.to_record(),
        **lost.to_record(),
        reason=reason,
    )


def _lacking(
    context: CheckContext, multivariate: MultivariateTest, limits: RowLimits
) -> str | None:
    """Return what there is too little of for a verdict, or None."""
    if context.rows < limits.window:
        return f"{context.rows} rows in the window, {limits.window} needed"
    if (rows := multivariate.rows_per_side) < MIN_ROWS_PER_SIDE:
        return f"{rows} rows in the reference, {MIN_ROWS_PER_SIDE} needed"
    return None


def _rows(now: Situation) -> Iterator[tuple[DecisionOutcome, str]]:
    """Yield each row of the table whose condition holds, with the reason in words.

    The first one is the outcome: a condition may rely on all those above it not to hold.
    """
    lacking = _lacking(now.context, now.multivariate, now.limits)
    if lacking and not now.new_rows_suffice:
        yield "insufficient_data", lacking

    if not now.triggers and not now.needs_no_finding:
        waits = [] if now.latest.runs else now.new_rows_waits
        yield "nothing_moved", f"nothing moved{f', and {_missing(now, waits)}' if waits else ''}"

    if not now.enabled and not now.needs_no_finding:
        why = f"the model does not retrain on {' or '.join(now.triggers)}"
        if not now.retrains:
            why = "its versions are imported; `evergreen import` brings the next"
        yield "trigger_not_enabled", why

    if not now.confirmed and not now.needs_no_finding:
        yield "not_confirmed", _unconfirmed(now)

    yield from _earlier_retrainings(now)

    if not _sufficient(now):
        yield "backoff" if now.lost.at else "too_few_labels", _missing(now, now.waits)

    yield from _limits_of_budget(now)

    yield "retraining_starts", f"retraining starts: {' and '.join(_enough(now))}"


def _unconfirmed(now: Situation) -> str:
    """Say in how many windows in a row the trigger that has come furthest was found."""
    needed, found = min(
        ((now.windows_needed(each), now.windows_in_a_row(each)) for each in now.enabled),
        key=lambda counts: counts[0] - counts[1],
    )
    doubt = " (the drift is in doubt)" if now.retraining.consecutive is None else ""
    return f"{found} of {needed} windows in a row{doubt}"


def _earlier_retrainings(now: Situation) -> Iterator[tuple[DecisionOutcome, str]]:
    """Yield the rows of the table that wait for what an earlier retraining comes to."""
    if now.latest.runs:
        yield "retraining_runs", "the model is being retrained"

    cooldown, since = now.cooldown, now.since_last_start
    if since is not None and since < cooldown:
        why = f"one was started {_short(since)} ago, the cooldown is {_short(cooldown)}"
        yield "cooldown", why


def _limits_of_budget(now: Situation) -> Iterator[tuple[DecisionOutcome, str]]:
    """Yield the rows of the table about the budget, for a model that has one."""
    if now.budget is None:
        return
    left = f"of the budget {now.budget.left:.2f} retrainings are left"
    if not now.budget.covers(1):
        yield "budget_spent", left
    if now.loss_is_small and not now.budget.covers(min(2, now.retraining.burst)):
        why = f"{left}, and the last one is kept for a loss of more than {LARGE_LOSS:.0%}"
        yield "budget_reserved", why


def _missing(now: Situation, waits: Iterable[GroundWait]) -> str:
    """Say how many rows there are, how many are waited for, and why so many."""
    wait = now.limits.labelled.nearest(waits)
    since = " since the last challenger lost" if wait.since else ""
    found = now.limits.labelled.found(wait)
    return f"{found} of {wait.rows} new labelled rows{since} ({wait.words})"


def _sufficient(now: Situation) -> dict[Ground, GroundWait]:
    """Return the grounds on which a retraining starts; of two waits of one the shorter counts."""
    enough = filter(now.limits.labelled.suffice, reversed(now.waits))
    return {wait.ground: wait for wait in enough}


def _enough(now: Situation) -> Iterator[str]:
    for ground, wait in _sufficient(now).items():
        yield f"{wait.rows} new labelled rows are enough for {ground} ({wait.words})"


def _grounds(now: Situation) -> tuple[Ground, ...]:
    found = _sufficient(now)
    return tuple(ground for ground in get_args(Ground) if ground in found)


def _triggers(
    univariate: UnivariateResult,
    multivariate: MultivariateTest,
    performance: PerformanceTest | None,
    estimate: PerformanceEstimate | None,
    goal: GoalStatus,
) -> tuple[Trigger, ...]:
    """Return what has been found: drift, and a metric that is below what it should be.

    An estimate is a trigger only where the model retrains on it and ground truth says nothing.

    A successor that is below the goal of its predecessor is a trigger only when a challenger may be
    trained; one that has fallen below its own metric is a trigger in any case.
    """
    triggers: list[Trigger] = []
    if univariate.drifted_features or multivariate.drifted:
        triggers.append("data_drift")
    fallen = performance is not None and performance.drifted
    if fallen or (goal.is_missed and goal.asks_for_challenger):
        triggers.append("performance")
    measured = performance is not None and performance.value is not None
    if estimate is not None and estimate.enabled and estimate.worse and not measured:
        triggers.append("estimated_performance")
    return tuple(triggers)


def _describe(
    univariate: UnivariateResult,
    multivariate: MultivariateTest,
    performance: PerformanceTest | None,
    goal: GoalStatus,
) -> str:
    features = univariate.drifted_features
    tested = len({test.feature_name for test in univariate.tests if test.p_value is not None})
    parts = [f"{len(features)} of {tested} features drifted"]
    if features:
        parts[0] += f" ({', '.join(features[:5])}{', …' if len(features) > 5 else ''})"
    if multivariate.model_accuracy is not None and multivariate.threshold is not None:
        relation = "above" if multivariate.drifted else "within"
        parts.append(
            f"window told from reference with accuracy {multivariate.model_accuracy:.3f}, "
            f"{relation} the limit of {multivariate.threshold:.3f}"
        )
    if performance is not None and performance.drifted:
        parts.append(
            f"{performance.metric} {performance.value:.3f} against {performance.threshold:.3f}"
        )
    elif performance is not None and performance.value is not None and goal.goal is not None:
        stands = "has not regained" if goal.is_missed else "is not surely worse than"
        parts.append(
            f"{performance.metric} {performance.value:.3f} {stands} {goal.goal.metric:.3f}"
            f"{'' if goal.is_missed else ', and no challenger has lost since'}"
        )
    return "; ".join(parts)


def _short(period: timedelta) -> str:
    return str(timedelta(seconds=round(period.total_seconds())))
