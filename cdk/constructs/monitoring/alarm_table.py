"""The table of alarms: what each one watches, its threshold, and what to do when it is on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypedDict

from aws_cdk import aws_cloudwatch as cloudwatch

from cdk.naming import camel_case
from cdk.periods import period_text
from evergreen.metrics.catalog import MODEL_DIMENSION, NAMESPACE, Metric
from evergreen.metrics.freshness import OF_ALL_MODELS, OLD_AFTER, WRITTEN
from evergreen.metrics.limits import LIMIT_OF

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cdk.settings import Settings
    from evergreen.model_definition import ModelDefinition

_FIVE_MINUTES = 300
_DAY = 86_400
_LONGEST_WATCHED = 7 * _DAY
"""The longest time that CloudWatch evaluates, in seconds: seven days."""
PERCENTILE = cloudwatch.Stats.p(99)


@dataclass(frozen=True, slots=True)
class Watched:
    """The names that CloudWatch uses for the watched resources.

    Parameters
    ----------
    models
        Every model.
    predict
        Its function, by model.
    functions
        Every function by its folder, except the functions of the models.
    rest_api, state_machine
        The API's name and the state machine's ARN.
    dead_letters
        The queues' names, by stack.
    check_machine
        ARN of the drift checks' state machine, if a query reads their windows.
    """

    models: Mapping[str, ModelDefinition]
    predict: Mapping[str, str]
    functions: Mapping[str, str]
    rest_api: str
    state_machine: str
    dead_letters: Mapping[str, str]
    check_machine: str | None = None


@dataclass(frozen=True, slots=True)
class AlarmSpec:
    """One alarm.

    Parameters
    ----------
    name
        Unique within the deployment.
    namespace, metric, dimensions, statistic
        What is measured.
    threshold
        The alarm is on at or above this value, or below it if ``below``.
    todo
        What happened, and what to do now.
    runbook
        The page in ``docs/runbooks`` that says more, without its ending.
    seconds, periods
        The length of one period, and the number of periods in a row before the alarm is on.
    silence
        Whether missing data turns the alarm on.
    """

    name: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    threshold: float
    todo: str
    runbook: str
    seconds: int = _FIVE_MINUTES
    periods: int = 1
    below: bool = False
    silence: bool = False
    own_pace: bool = False
    """Whether its period follows a setting of the deployment and also applies to an emulator."""
    model: str | None = None
    """The model that it is about; None for the whole deployment."""
    extra: bool = False
    """Whether only ``monitoring = "full"`` has it: it tells of slowness or silence."""
    also: tuple[str, ...] = ()
    """Further metrics with the same dimensions, whose values are added to those of ``metric``."""
    takes_back: bool = False
    """Whether it rolls back a promotion if it begins within the model's watch period."""


def alarm_table(watched: Watched, settings: Settings) -> Iterator[AlarmSpec]:
    """Yield every alarm of a deployment."""
    for model, definition in watched.models.items():
        for spec in _of_model(model, definition, watched, settings):
            failure = spec.metric in (Metric.SERVER_ERRORS, Metric.MODEL_LOAD_FAILURES)
            yield replace(spec, model=model, extra=not failure)
    yield AlarmSpec(
        "ApiErrors",
        "AWS/ApiGateway",
        "5XXError",
        {"ApiName": watched.rest_api},
        cloudwatch.Stats.AVERAGE,
        0.05,
        "At least one request in twenty failed with a 5xx status, over all functions. Find the "
        "path in the API's access log. Then read the log of that function.",
        "server-errors",
    )
    for folder, function in watched.functions.items():
        yield from _of_function(folder, function)
    for metric, happened in (
        ("ExecutionsFailed", "failed"),
        ("ExecutionsTimedOut", "reached its time limit"),
    ):
        yield AlarmSpec(
            f"Retraining{metric.removeprefix('Executions')}",
            "AWS/States",
            metric,
            {"StateMachineArn": watched.state_machine},
            cloudwatch.Stats.SUM,
            1,
            f"A retraining {happened}. The champion still serves. Open the execution in Step "
            "Functions: the red state names the function and its error. Then start a new execution "
            'with the input {"model": "<its name>"}.',
            "retraining-failed",
        )
        if watched.check_machine:
            yield AlarmSpec(
                f"DriftCheck{metric.removeprefix('Executions')}",
                "AWS/States",
                metric,
                {"StateMachineArn": watched.check_machine},
                cloudwatch.Stats.SUM,
                1,
                f"A drift check {happened}. Predictions go on. Open the execution in Step "
                "Functions: the red state names the function or the query and its error. The next "
                "scheduled check looks at its own window.",
                "drift-check-failed",
            )
    for stack, queue in watched.dead_letters.items():
        yield AlarmSpec(
            f"{stack}DeadLetters",
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": queue},
            cloudwatch.Stats.MAXIMUM,
            1,
            f"An event was not delivered to its target. It is in the queue {queue}. Read it there: "
            "its attributes name the rule and the error. Repair the target. Then send the event "
            "again (alerts: `evergreen alerts --redeliver`) or delete it.",
            "dead-letters",
        )


def _of_model(
    model: str, definition: ModelDefinition, watched: Watched, settings: Settings
) -> Iterator[AlarmSpec]:
    def of(metric: Metric, todo: str, periods: int = 1) -> AlarmSpec:
        name, by, limit = camel_case(model) + metric, {MODEL_DIMENSION: model}, LIMIT_OF[metric]
        statistic, threshold = limit.statistic, limit.threshold
        return AlarmSpec(
            *(name, NAMESPACE, metric, by, statistic, threshold, todo, limit.runbook),
            periods=periods,
        )

    automatic = definition.rollback.automatic
    watch = period_text(definition.rollback.watch)
    rollback = f"`evergreen rollback {model}` puts the previous version back into production." + (
        f" Within {watch} after a promotion this happens automatically." if automatic else ""
    )
    errors = of(
        Metric.SERVER_ERRORS,
        f"At least one answer in twenty of {model} has a 5xx status. The log of "
        f"{watched.predict[model]} has the error. If it began with a promotion: {rollback}",
    )
    yield replace(errors, takes_back=automatic)
    yield of(
        Metric.RESPONSE_TIME,
        f"One answer in a hundred of {model} takes a second or longer. See on the dashboard "
        "whether inference time, batches or cold starts grew. More memory also gives more CPU.",
        periods=1 if settings.emulator else 3,
    )
    yield of(
        Metric.LOG_SPILLS,
        f"Firehose refused records of {model}. They were written to S3 instead, so none is lost. "
        "Check whether its streams are throttled. If that lasts, ask AWS for higher limits.",
    )
    load_failures = of(
        Metric.MODEL_LOAD_FAILURES,
        f"The promoted bundle of {model} does not load. Running environments still serve the "
        f"previous bundle; new environments answer 503. The function's log has the error. "
        f"Until it is repaired: {rollback}",
    )
    yield replace(load_failures, takes_back=automatic)
    yield AlarmSpec(
        f"{camel_case(model)}Throttles",
        "AWS/Lambda",
        "Throttles",
        {"FunctionName": watched.predict[model]},
        cloudwatch.Stats.SUM,
        1,
        f"Lambda rejected requests for {model}: the concurrency of the account or of the function "
        "is used up. Ask AWS for a higher limit, or send larger batches.",
        "throttles",
    )
    yield from _drift_check_missing(model, definition, settings)
    yield _live_metric_worse(model, definition, settings)
    yield _raw_waiting(model, watched, settings)
    yield _metrics_old(model, definition, settings)
    if settings.no_traffic_after is not None:
        yield AlarmSpec(
            f"{camel_case(model)}NoTraffic",
            NAMESPACE,
            Metric.REQUESTS,
            {MODEL_DIMENSION: model},
            cloudwatch.Stats.SUM,
            1,
            f"No request for {model} arrived. If you expect requests, check that `GET /ping` "
            "answers, that the API key is valid, and that the usage plan's quota is not used up. "
            "If you expect none, set `no_traffic_after` in cdk.json to a longer period, or empty.",
            "no-traffic",
            **_watched_for(settings.no_traffic_after),
            below=True,
            silence=True,
            own_pace=True,
        )


def _drift_check_missing(
    model: str, definition: ModelDefinition, settings: Settings
) -> Iterator[AlarmSpec]:
    """Yield the alarm, if CloudWatch can look back further than one period of the schedule."""
    every = settings.drift_period or min(each.every for each in definition.drift.schedules)
    if every + timedelta(days=1) > timedelta(seconds=_LONGEST_WATCHED):
        return
    yield AlarmSpec(
        f"{camel_case(model)}DriftCheckMissing",
        NAMESPACE,
        Metric.WINDOW_ROWS,
        {MODEL_DIMENSION: model},
        cloudwatch.Stats.SAMPLE_COUNT,
        1,
        f"Drift checks of {model} did not report when due. Check that its rule is enabled, and "
        "read the end of the function's log. To run a check by hand, call the function with "
        f'{{"model": "{model}", "window": "24 hours"}}.',
        "drift-check-missing",
        **_watched_for(every, times=2),
        below=True,
        silence=True,
        own_pace=True,
    )


def _live_metric_worse(model: str, definition: ModelDefinition, settings: Settings) -> AlarmSpec:
    every = settings.drift_period or min(each.every for each in definition.drift.schedules)
    limit = LIMIT_OF[Metric.LIVE_METRIC_WORSE]
    return AlarmSpec(
        f"{camel_case(model)}LiveMetricWorse",
        NAMESPACE,
        limit.metric,
        {MODEL_DIMENSION: model},
        limit.statistic,
        limit.threshold,
        f"{definition.metric.upper()} of {model} on labelled traffic is surely worse than at "
        "promotion. If its policy started a retraining, "
        f"`evergreen history {model}` shows the decision. Else `evergreen retrain {model}` starts "
        "one.",
        limit.runbook,
        # Two periods of the schedule, so that each has a check in it.
        seconds=min(60 * math.ceil(2 * every.total_seconds() / 60), _DAY),
        own_pace=True,
    )


def _raw_waiting(model: str, watched: Watched, settings: Settings) -> AlarmSpec:
    # A record that landed at midnight is due when its day is closed, soon after the next midnight.
    # Then it waits for at most two runs.
    due = timedelta(hours=25) + 2 * settings.compaction_period
    return AlarmSpec(
        f"{camel_case(model)}RawWaiting",
        NAMESPACE,
        Metric.OLDEST_RAW,
        {MODEL_DIMENSION: model},
        cloudwatch.Stats.MAXIMUM,
        due.total_seconds(),
        f"Records of {model} have waited for compaction since the day before, or compaction does "
        f"not run. Nothing is lost, but reading grows slower. The log of "
        f"{watched.functions['compact_logs']} says which objects failed, and why.",
        "raw-waiting",
        **_watched_for(settings.compaction_period, times=2),
        silence=True,
        own_pace=True,
    )


def _metrics_old(model: str, definition: ModelDefinition, settings: Settings) -> AlarmSpec:
    checks = settings.drift_period or min(each.every for each in definition.drift.schedules)
    # Each check and each compaction writes a metric of every model, with traffic or without.
    old = max(OLD_AFTER, 3 * min(checks, settings.compaction_period))
    # An emulator computes no sums: it watches the compaction alone.
    further = () if settings.emulator else tuple(each for each in WRITTEN if each != OF_ALL_MODELS)
    return AlarmSpec(
        f"{camel_case(model)}MetricsOld",
        NAMESPACE,
        OF_ALL_MODELS,
        {MODEL_DIMENSION: model},
        cloudwatch.Stats.SAMPLE_COUNT,
        1,
        f"No metric of {model} was written for {period_text(old)}, neither by predictions nor by "
        "drift checks nor by the compaction. What dashboards and the status page show is of then. "
        "Other alarms cannot begin. Check that the schedules are enabled, and read the end of "
        "each function's log.",
        "metrics-old",
        **_watched_for(old),
        below=True,
        silence=True,
        own_pace=True,
        also=further,
    )


def _of_function(folder: str, function: str) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        f"{camel_case(folder)}Errors",
        "AWS/Lambda",
        "Errors",
        {"FunctionName": function},
        cloudwatch.Stats.SUM,
        1,
        f"{function} raised an error, or ran out of time or memory. Its log says which. Lambda "
        "tries again. If the error stays, call the function by hand with the event from the log.",
        "function-errors",
    )


class _Watch(TypedDict):
    seconds: int
    periods: int


def _watched_for(period: timedelta, times: int = 1) -> _Watch:
    """Return how an alarm watches ``times`` periods in a row.

    CloudWatch takes whole minutes. One of its periods has at most a day, and all together at most
    seven days. So a longer period is watched as several days, each of which must be without data.
    """
    seconds = 60 * math.ceil(period.total_seconds() / 60)
    if seconds <= _DAY:
        return {"seconds": seconds, "periods": min(times, _LONGEST_WATCHED // seconds)}
    days = math.ceil(seconds * times / _DAY)
    return {"seconds": _DAY, "periods": min(days, _LONGEST_WATCHED // _DAY)}
