"""The alarms: one table, and what makes each line of it an alarm.

LocalStack's CloudWatch answers neither percentiles nor metric math. No alarm here needs the second;
where the table asks for a percentile, the emulator's alarm looks at the maximum, which is what a
99th percentile is of fewer than a hundred requests. Its alarms also look every minute instead of
every five, so that whoever tries one need not wait long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from cdk.constructs.serving.model_endpoint import camel_case
from cdk.settings import period_text
from evergreen.metrics.catalog import MODEL_DIMENSION, NAMESPACE, Metric

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns

    from cdk.settings import Settings
    from evergreen.model_definition import ModelDefinition

_FIVE_MINUTES = 300
_EMULATOR_PERIOD = 60
_DAY = 86_400
_LONGEST_WATCHED = 7 * _DAY
"""CloudWatch evaluates no more than seven days."""
PERCENTILE = cloudwatch.Stats.p(99)


@dataclass(frozen=True, slots=True)
class Watched:
    """The names by which CloudWatch knows what is watched.

    Parameters
    ----------
    models
        Every model.
    predict
        Its function, by model.
    functions
        Every function by its folder, those of the models excepted.
    rest_api, state_machine
        The API's name and the state machine's ARN.
    dead_letters
        The queues' names, by stack.
    """

    models: Mapping[str, ModelDefinition]
    predict: Mapping[str, str]
    functions: Mapping[str, str]
    rest_api: str
    state_machine: str
    dead_letters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlarmSpec:
    """One alarm.

    Parameters
    ----------
    name
        Unique within the deployment.
    namespace, metric, dimensions, statistic
        What is looked at.
    threshold
        At or above it is alarm, or below it if ``below``.
    todo
        What happened, and what to do now.
    seconds, periods
        How long one period is, and how many in a row it takes.
    silence
        Whether no data is alarm too.
    """

    name: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    threshold: float
    todo: str
    seconds: int = _FIVE_MINUTES
    periods: int = 1
    below: bool = False
    silence: bool = False
    own_pace: bool = False
    """Whether its period is one of the deployment's own schedules, on the emulator too."""
    takes_back: bool = False
    """Whether it takes back a promotion that it follows within the model's watch period."""


def alarm_table(watched: Watched, settings: Settings) -> Iterator[AlarmSpec]:
    """Yield every alarm of a deployment."""
    for model, definition in watched.models.items():
        yield from _of_model(model, definition, watched, settings)
    yield AlarmSpec(
        "ApiErrors",
        "AWS/ApiGateway",
        "5XXError",
        {"ApiName": watched.rest_api},
        cloudwatch.Stats.AVERAGE,
        0.05,
        "One request in twenty or more failed with a 5xx status, whichever function it was for. "
        "Look at the API's access log for the path, then at that function's log.",
    )
    for folder, function in watched.functions.items():
        yield from _of_function(folder, function)
    for metric, happened in (
        ("ExecutionsFailed", "failed"),
        ("ExecutionsTimedOut", "ran into its time limit"),
    ):
        yield AlarmSpec(
            f"Retraining{metric.removeprefix('Executions')}",
            "AWS/States",
            metric,
            {"StateMachineArn": watched.state_machine},
            cloudwatch.Stats.SUM,
            1,
            f"A retraining {happened}; the champion goes on serving. Open the execution in Step "
            "Functions: the red state names the function and its error. Then start a new one with "
            'the input {"model": "<its name>"}.',
        )
    for stack, queue in watched.dead_letters.items():
        yield AlarmSpec(
            f"{stack}DeadLetters",
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": queue},
            cloudwatch.Stats.MAXIMUM,
            1,
            f"An event could not be handed to its target and lies in {queue}. Read it there (its "
            "attributes name the rule and the error), repair the target, send it again (alerts: "
            "`evergreen alerts --redeliver`) or delete it.",
        )


def _of_model(
    model: str, definition: ModelDefinition, watched: Watched, settings: Settings
) -> Iterator[AlarmSpec]:
    def of(
        metric: Metric, statistic: str, threshold: float, todo: str, periods: int = 1
    ) -> AlarmSpec:
        name, by = camel_case(model) + metric, {MODEL_DIMENSION: model}
        return AlarmSpec(name, NAMESPACE, metric, by, statistic, threshold, todo, periods=periods)

    automatic = definition.rollback.automatic
    watch = period_text(definition.rollback.watch)
    rollback = f"`evergreen rollback {model}` puts the version before back into production" + (
        f"; within {watch} after a promotion that is done by itself." if automatic else "."
    )
    errors = of(
        Metric.SERVER_ERRORS,
        cloudwatch.Stats.AVERAGE,  # each answer counts 1 or 0, so their mean is the rate
        0.05,
        f"One answer in twenty or more of {model} has a 5xx status. The log of "
        f"{watched.predict[model]} has the error. If it began with a promotion: {rollback}",
    )
    yield replace(errors, takes_back=automatic)
    yield of(
        Metric.RESPONSE_TIME,
        PERCENTILE,
        1000,
        f"The slowest hundredth of answers of {model} takes a second or longer. See on the "
        "dashboard whether inference, batches or cold starts grew; more memory is more CPU.",
        periods=1 if settings.emulator else 3,
    )
    yield of(
        Metric.LOG_SPILLS,
        cloudwatch.Stats.SUM,
        1,
        f"Firehose refused records of {model}; they were written to S3 instead, so none is lost. "
        "Look for throttling of its streams; if that lasts, have their limits raised.",
    )
    load_failures = of(
        Metric.MODEL_LOAD_FAILURES,
        cloudwatch.Stats.SUM,
        1,
        f"The promoted bundle of {model} does not load; what served before goes on serving, new "
        f"environments answer 503. The function's log says why; until that is repaired: {rollback}",
    )
    yield replace(load_failures, takes_back=automatic)
    yield AlarmSpec(
        f"{camel_case(model)}Throttles",
        "AWS/Lambda",
        "Throttles",
        {"FunctionName": watched.predict[model]},
        cloudwatch.Stats.SUM,
        1,
        f"Lambda turned requests for {model} away: the account's or the function's concurrency is "
        "used up. Have the limit raised, or send larger batches.",
    )
    yield _drift_check_missing(model, definition, settings)
    if settings.no_traffic_after is not None:
        yield AlarmSpec(
            f"{camel_case(model)}NoTraffic",
            NAMESPACE,
            Metric.REQUESTS,
            {MODEL_DIMENSION: model},
            cloudwatch.Stats.SUM,
            1,
            f"No request for {model} arrived. If callers should be calling: does `GET /ping` "
            "answer, is their API key valid, is the usage plan's quota left? If not, set "
            "`no_traffic_after` in cdk.json to a longer period or to nothing.",
            seconds=_whole_minutes(settings.no_traffic_after),
            below=True,
            silence=True,
            own_pace=True,
        )


def _drift_check_missing(model: str, definition: ModelDefinition, settings: Settings) -> AlarmSpec:
    every = min(schedule.every for schedule in definition.drift.schedules)
    seconds = _whole_minutes(settings.drift_period or every)
    return AlarmSpec(
        f"{camel_case(model)}DriftCheckMissing",
        NAMESPACE,
        Metric.WINDOW_ROWS,
        {MODEL_DIMENSION: model},
        cloudwatch.Stats.SAMPLE_COUNT,
        1,
        f"Two drift checks of {model} in a row did not report. Is its rule enabled, does the "
        "function's log end in an error? To run one by hand, call the function with "
        f'{{"model": "{model}", "window": "24 hours"}}.',
        seconds=seconds,
        periods=min(2, _LONGEST_WATCHED // seconds),
        below=True,
        silence=True,
        own_pace=True,
    )


def _of_function(folder: str, function: str) -> Iterator[AlarmSpec]:
    yield AlarmSpec(
        f"{camel_case(folder)}Errors",
        "AWS/Lambda",
        "Errors",
        {"FunctionName": function},
        cloudwatch.Stats.SUM,
        1,
        f"{function} raised an error or ran out of time or memory; its log has which. It is tried "
        "again by itself; if it stays, call it by hand with the event from the log.",
    )


def _whole_minutes(period: timedelta) -> int:
    """Return seconds as CloudWatch takes them: whole minutes, a day at most."""
    return min(60 * math.ceil(period.total_seconds() / 60), _DAY)


class Alarms(Construct):
    """The alarms of :func:`alarm_table`, with their actions."""

    def __init__(
        self,
        scope: Construct,
        watched: Watched,
        settings: Settings,
        topic: sns.ITopic,
        roll_back: lambda_.IFunction,
    ) -> None:
        super().__init__(scope, "Alarms")
        action = actions.SnsAction(topic)
        take_back = actions.LambdaAction(roll_back, use_unique_permission_id=True)
        self.all: list[cloudwatch.Alarm] = []
        for spec in alarm_table(watched, settings):
            alarm = self._alarm(spec, settings)
            alarm.add_alarm_action(action)
            alarm.add_ok_action(action)
            if spec.takes_back:
                alarm.add_alarm_action(take_back)
            self.all.append(alarm)

    def _alarm(self, spec: AlarmSpec, settings: Settings) -> cloudwatch.Alarm:
        quick = settings.emulator and not spec.own_pace
        substitute = settings.emulator and spec.statistic == PERCENTILE
        return cloudwatch.Alarm(
            self,
            spec.name,
            alarm_name=settings.name(spec.name),
            alarm_description=spec.todo,
            metric=cloudwatch.Metric(
                namespace=spec.namespace,
                metric_name=spec.metric,
                dimensions_map={**spec.dimensions},
                statistic=cloudwatch.Stats.MAXIMUM if substitute else spec.statistic,
                period=Duration.seconds(_EMULATOR_PERIOD if quick else spec.seconds),
            ),
            threshold=spec.threshold,
            evaluation_periods=spec.periods,
            comparison_operator=_BELOW if spec.below else _AT_LEAST,
            treat_missing_data=_BREACHING if spec.silence else _NOT_BREACHING,
        )


_BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
_AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
_BREACHING = cloudwatch.TreatMissingData.BREACHING
_NOT_BREACHING = cloudwatch.TreatMissingData.NOT_BREACHING
