"""From tests to a verdict, and from the verdict to a retraining or none: pure rules."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from evergreen.drift.records import Decision, DecisionRecord, Trigger, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evergreen.drift.records import CheckContext, MultivariateTest, PerformanceTest
    from evergreen.drift.univariate import UnivariateOutcome
    from evergreen.model_definition import Drift, Retraining


def history_needed(retraining: Retraining, window: timedelta) -> timedelta:
    """Say how far back :func:`decide` looks: the cooldown, and enough windows in a row."""
    return max(retraining.cooldown, window * (retraining.consecutive + 1), timedelta(days=1))


def decide(
    context: CheckContext,
    univariate: UnivariateOutcome,
    multivariate: MultivariateTest,
    performance: PerformanceTest | None,
    *,
    drift: Drift,
    retraining: Retraining,
    history: Iterable[DecisionRecord],
) -> Decision:
    """Conclude a check.

    Drift is a drifted feature or a drifted joint distribution. Below ``drift.min_rows`` the
    verdict is ``insufficient_data``, whatever the tests say. A retraining starts when a verdict
    that the model retrains on has held for ``consecutive`` checks of windows of this length and
    this model version, and none was started within the cooldown.

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
    """
    earlier = sorted(
        (item for item in history if item.timestamp < context.timestamp),
        key=lambda item: item.timestamp,
    )
    triggers = _triggers(univariate, multivariate, performance)
    features = univariate.drifted_features
    if context.rows < drift.min_rows:
        return Decision(
            verdict="insufficient_data",
            start_retraining=False,
            reason=f"{context.rows} rows in the window, {drift.min_rows} needed",
        )
    verdict: Verdict = "drift" if "data_drift" in triggers else "no_drift"
    what = _describe(univariate, multivariate, performance)
    wanted = [trigger for trigger in triggers if trigger in retraining.on]
    obstacle = _obstacle(context, triggers, wanted, retraining, earlier) if triggers else None
    starts = bool(wanted) and obstacle is None
    outcome = "retraining starts" if starts else f"no retraining: {obstacle or 'nothing moved'}"
    return Decision(
        verdict=verdict,
        start_retraining=starts,
        triggers=triggers,
        drifted_features=features,
        reason=f"{what}; {outcome}",
    )


def _triggers(
    univariate: UnivariateOutcome,
    multivariate: MultivariateTest,
    performance: PerformanceTest | None,
) -> tuple[Trigger, ...]:
    triggers: list[Trigger] = []
    if univariate.drifted_features or multivariate.drifted:
        triggers.append("data_drift")
    if performance is not None and performance.drifted:
        triggers.append("performance")
    return tuple(triggers)


def _obstacle(
    context: CheckContext,
    triggers: Sequence[Trigger],
    wanted: Sequence[Trigger],
    retraining: Retraining,
    earlier: Sequence[DecisionRecord],
) -> str | None:
    if not wanted:
        return f"the model does not retrain on {' or '.join(triggers)}"
    in_a_row = 1 + max(_in_a_row(context, trigger, earlier) for trigger in wanted)
    if in_a_row < retraining.consecutive:
        return f"{in_a_row} of {retraining.consecutive} windows in a row"
    started = [item.timestamp for item in earlier if item.start_retraining]
    if started and (since := context.timestamp - started[-1]) < retraining.cooldown:
        return f"one was started {_short(since)} ago, the cooldown is {_short(retraining.cooldown)}"
    return None


def _in_a_row(context: CheckContext, trigger: Trigger, earlier: Sequence[DecisionRecord]) -> int:
    """Count the latest checks that raised ``trigger``; too little data neither counts nor breaks.

    Windows of another length belong to another schedule, and another version to another model; a
    window checked twice is one window.
    """
    length = context.window_end - context.window_start
    seen = {context.subject_dataset_id}
    count = 0
    for item in reversed(earlier):
        same_series = (
            item.model_version == context.model_version
            and item.window_end - item.window_start == length
        )
        if not same_series or item.verdict == "insufficient_data":
            continue
        if item.subject_dataset_id in seen:
            continue
        if trigger not in item.triggers:
            break
        seen.add(item.subject_dataset_id)
        count += 1
    return count


def _describe(
    univariate: UnivariateOutcome,
    multivariate: MultivariateTest,
    performance: PerformanceTest | None,
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
    return "; ".join(parts)


def _short(period: timedelta) -> str:
    return str(timedelta(seconds=round(period.total_seconds())))
