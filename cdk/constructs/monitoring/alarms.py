"""The alarms: the construct that creates one from each line of the table.

LocalStack's CloudWatch answers neither percentiles nor metric math. No alarm needs metric math.
Where the table names a percentile, the emulator's alarm uses the maximum. For fewer than a hundred
requests the maximum equals the 99th percentile. The emulator's alarms have periods of one minute
instead of five, so that trying one is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from cdk.constructs.model_room import model_room
from cdk.constructs.monitoring.alarm_table import PERCENTILE, alarm_table

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns

    from cdk.constructs.monitoring.alarm_table import AlarmSpec, Watched
    from cdk.settings import Settings

_EMULATOR_PERIOD = 60


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
            if spec.extra and not settings.everything_watched:
                continue
            alarm = self._alarm(spec, settings)
            alarm.add_alarm_action(action)
            alarm.add_ok_action(action)
            if spec.takes_back:
                alarm.add_alarm_action(take_back)
            self.all.append(alarm)

    def _alarm(self, spec: AlarmSpec, settings: Settings) -> cloudwatch.Alarm:
        quick = settings.emulator and not spec.own_pace
        substitute = settings.emulator and spec.statistic == PERCENTILE
        room = model_room(self, spec.model, settings) if spec.model else self

        def of(metric: str) -> cloudwatch.Metric:
            return cloudwatch.Metric(
                namespace=spec.namespace,
                metric_name=metric,
                dimensions_map={**spec.dimensions},
                statistic=cloudwatch.Stats.MAXIMUM if substitute else spec.statistic,
                period=Duration.seconds(_EMULATOR_PERIOD if quick else spec.seconds),
            )

        return cloudwatch.Alarm(
            room,
            spec.name,
            alarm_name=settings.name(spec.name),
            alarm_description=f"{spec.todo} Runbook: docs/runbooks/{spec.runbook}.md",
            metric=_together([of(name) for name in (spec.metric, *spec.also)]),
            threshold=spec.threshold,
            evaluation_periods=spec.periods,
            comparison_operator=_BELOW if spec.below else _AT_LEAST,
            treat_missing_data=_BREACHING if spec.silence else _NOT_BREACHING,
        )


def _together(metrics: list[cloudwatch.Metric]) -> cloudwatch.IMetric:
    """Return a metric, or the sum of several; one without data adds nothing to it."""
    if len(metrics) == 1:
        return metrics[0]
    named = {f"m{number}": metric for number, metric in enumerate(metrics)}
    return cloudwatch.MathExpression(
        expression=f"SUM([{', '.join(named)}])", using_metrics={**named}, period=metrics[0].period
    )


_BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
_AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
_BREACHING = cloudwatch.TreatMissingData.BREACHING
_NOT_BREACHING = cloudwatch.TreatMissingData.NOT_BREACHING
