"""From tests to a verdict, and from the verdict to a retraining or none: pure rules."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from evergreen.drift.detectors.multivariate import MIN_ROWS_PER_SIDE
from evergreen.drift.log import DriftDecision, DriftDecisionRecord, Trigger, Verdict
from evergreen.drift.policy.budget_and_goal import remember
from evergreen.drift.policy.severity import LARGE_LOSS, performance_severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evergreen.drift.detectors.univariate import UnivariateOutcome
    from evergreen.drift.log import CheckContext, MultivariateTest, PerformanceTest
    from evergreen.drift.policy.budget_and_goal import Memory
    from evergreen.model_definition import Drift, Retraining


OVERLAP = timedelta(minutes=15)
"""Windows that share at most this much time, or a tenth of their length if that is less, count as
two: checks start a little early or late, so windows of "every hour, the last hour" overlap."""


def history_needed(drift: Drift, retraining: Retraining, window: timedelta) -> timedelta:
    """Say how far back :func:`decide` looks: last check, cooldown, and enough windows in a row.

    From one window to the next that shares no rows with it lies its length, and at most one period
    of the schedule.
    """
    at_least = max(retraining.cooldown, 2 * max(each.every for each in drift.schedules))
    if retraining.consecutive == 1:
        return at_least
    periods = [each.every for each in drift.schedules if each.window == window]
    step = window + max(periods, default=timedelta())
    return max(at_least, step * retraining.consecutive)


def decide(
    context: CheckContext,
    univariate: UnivariateOutcome,
    multivariate: MultivariateTest,
    performance: PerformanceTest | None,
    *,
    drift: Drift,
    retraining: Retraining,
    history: Iterable[DriftDecisionRecord],
    last_was_skipped: bool = False,
) -> DriftDecision:
    """Conclude a check.

    Drift is a drifted feature or a drifted joint distribution. Below ``drift.min_rows``, or with
    next to no reference, the verdict is ``insufficient_data``, whatever the tests say. A retraining
    starts when a verdict that the model retrains on has held in ``consecutive`` windows in a row of
    this length and this model version, and none was started within the cooldown; and once more when
    a successor has made good what its predecessor lost. A model that keeps losing to its past is
    not retrained at every check: :mod:`evergreen.drift.policy.budget_and_goal`.

    Windows in a row share no rows, up to :data:`OVERLAP`: of a window that slides by the hour over
    24 hours, 24 checks see one and the same bad hour, and would otherwise confirm each other. With
    ``consecutive = 3`` such a schedule starts a retraining after 48 hours in which every check
    raised the alarm; "every 24 hours, the last 24 hours" with its third check.

    Retrainings may have a budget, and a model that has degraded a goal that brings the performance
    trigger back. The last retraining of a budget is kept for a loss that matters, where the model
    retrains on performance and ground truth tells how much was lost.

    Parameters
    ----------
    context
        What the check looked at.
    univariate, multivariate, performance
        The outcomes of its tests; performance is None where it was not looked at.
    drift, retraining
        The model's policy.
    history
        Decisions of earlier checks of the model, in any order.
    last_was_skipped
        Whether the retraining that the last of them started found too little to judge it by.
    """
    earlier = sorted(
        (item for item in history if item.timestamp < context.timestamp),
        key=lambda item: item.timestamp,
    )
    last = earlier[-1] if earlier else None
    memory = remember(context, performance, retraining, last, last_was_skipped=last_was_skipped)
    degraded, regained = _standing(performance, memory)
    triggers = _triggers(univariate, multivariate, degraded=degraded)
    features = univariate.drifted_features
    if (lacking := _lacking(context, multivariate, drift)) is not None:
        return DriftDecision(
            verdict="insufficient_data",
            start_retraining=False,
            budget_left=memory.budget,
            **_goal(memory),
            reason=lacking,
        )
    verdict: Verdict = "drift" if "data_drift" in triggers else "no_drift"
    what = _describe(univariate, multivariate, performance, memory)
    once_more = regained and "performance" in retraining.on
    wanted = [trigger for trigger in triggers if trigger in retraining.on]
    obstacle = None
    if not once_more and triggers:
        obstacle = _unconfirmed(context, triggers, wanted, retraining, earlier)
    if (once_more or wanted) and obstacle is None:
        obstacle = _too_soon(context, wanted, retraining, earlier, memory, performance)
    starts = (once_more or bool(wanted)) and obstacle is None
    outcome = "retraining starts" if starts else f"no retraining: {obstacle or 'nothing moved'}"
    return DriftDecision(
        verdict=verdict,
        start_retraining=starts,
        triggers=triggers,
        drifted_features=features,
        budget_left=memory.after(started=starts),
        **_goal(memory),
        reason=f"{what}; {outcome}",
    )


def _lacking(context: CheckContext, multivariate: MultivariateTest, drift: Drift) -> str | None:
    if context.rows < drift.min_rows:
        return f"{context.rows} rows in the window, {drift.min_rows} needed"
    if (rows := multivariate.rows_per_side) < MIN_ROWS_PER_SIDE:
        return f"{rows} rows in the reference, {MIN_ROWS_PER_SIDE} needed"
    return None


def _standing(performance: PerformanceTest | None, memory: Memory) -> tuple[bool, bool]:
    """Say whether this window is worse than it has to be, or as good and worth one more try.

    A successor that has not regained the metric of its predecessor is an alarm only when there is
    something to be done about it; one that has fallen behind its own is an alarm in any case.
    """
    if performance is None or performance.value is None or memory.goal is None:
        return False, False
    due = memory.due is None
    return performance.drifted or (due and not memory.regained), due and memory.regained


def _goal(memory: Memory) -> dict[str, Any]:
    goal = memory.goal
    if goal is None:
        return {}
    return {
        "goal": goal.metric,
        "goal_version": goal.version,
        "goal_since": goal.since,
        "goal_tried": goal.tried,
        "goal_against": goal.against,
    }


def _triggers(
    univariate: UnivariateOutcome, multivariate: MultivariateTest, *, degraded: bool
) -> tuple[Trigger, ...]:
    triggers: list[Trigger] = []
    if univariate.drifted_features or multivariate.drifted:
        triggers.append("data_drift")
    if degraded:
        triggers.append("performance")
    return tuple(triggers)


def _unconfirmed(
    context: CheckContext,
    triggers: Sequence[Trigger],
    wanted: Sequence[Trigger],
    retraining: Retraining,
    earlier: Sequence[DriftDecisionRecord],
) -> str | None:
    if not wanted:
        return f"the model does not retrain on {' or '.join(triggers)}"
    in_a_row = 1 + max(_in_a_row(context, trigger, earlier) for trigger in wanted)
    if in_a_row < retraining.consecutive:
        return f"{in_a_row} of {retraining.consecutive} windows in a row"
    return None


def _too_soon(
    context: CheckContext,
    wanted: Sequence[Trigger],
    retraining: Retraining,
    earlier: Sequence[DriftDecisionRecord],
    memory: Memory,
    performance: PerformanceTest | None,
) -> str | None:
    started = [item.timestamp for item in earlier if item.start_retraining]
    if started and (since := context.timestamp - started[-1]) < retraining.cooldown:
        return f"one was started {_short(since)} ago, the cooldown is {_short(retraining.cooldown)}"
    if list(wanted) == ["performance"] and memory.due is not None:
        return f"the last challenger lost, the next is worth a try at {memory.due:%Y-%m-%d %H:%M}"
    if not memory.has(1):
        return f"of the budget {memory.budget:.2f} retrainings are left"
    if _is_bearable(performance, retraining) and not memory.has(min(2, retraining.burst)):
        return (
            f"of the budget {memory.budget:.2f} retrainings are left, "
            f"and the last one is kept for a loss of more than {LARGE_LOSS:.0%}"
        )
    return None


def _is_bearable(performance: PerformanceTest | None, retraining: Retraining) -> bool:
    """Whether ground truth says that the model has lost little, if anything.

    Inputs move with each season, and each holdout is another: what is saved up is soon spent on
    them, and is not there when the model fails.
    """
    if performance is None or performance.value is None or "performance" not in retraining.on:
        return False
    return not performance.drifted or performance_severity(performance) == "warning"


def _in_a_row(
    context: CheckContext, trigger: Trigger, earlier: Sequence[DriftDecisionRecord]
) -> int:
    """Count the latest windows, none of which share rows, up to which every check raised an alarm.

    Too little data neither counts nor breaks. Windows of another length answer another question,
    and another version is another model. A window checked twice is one window, and what counts is
    its latest check.
    """
    length = context.window_end - context.window_start
    same_window = {context.subject_dataset_id}
    begins = context.window_start
    count = 0
    for item in reversed(earlier):
        same_series = (
            item.model_version == context.model_version
            and item.window_end - item.window_start == length
        )
        if not same_series or item.verdict == "insufficient_data":
            continue
        if item.subject_dataset_id in same_window:
            continue
        if trigger not in item.triggers:
            break
        same_window.add(item.subject_dataset_id)
        if item.window_end - begins <= min(OVERLAP, length / 10):
            begins = item.window_start
            count += 1
    return count


def _describe(
    univariate: UnivariateOutcome,
    multivariate: MultivariateTest,
    performance: PerformanceTest | None,
    memory: Memory,
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
    elif performance is not None and performance.value is not None and memory.goal is not None:
        stands = "is not surely worse than" if memory.regained else "has not regained"
        parts.append(
            f"{performance.metric} {performance.value:.3f} {stands} {memory.goal.metric:.3f}"
            f"{', and no challenger has lost since' if memory.regained else ''}"
        )
    return "; ".join(parts)


def _short(period: timedelta) -> str:
    return str(timedelta(seconds=round(period.total_seconds())))
