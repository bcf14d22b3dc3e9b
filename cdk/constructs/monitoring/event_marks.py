"""Event marks: alarms without actions, whose history Grafana shows as annotations.

Grafana's CloudWatch data source offers no other kind of annotation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from cdk.constructs.model_room import model_room
from cdk.naming import camel_case
from evergreen.metrics.catalog import MODEL_DIMENSION, NAMESPACE
from evergreen.metrics.event_marks import EVENT_MARKS, MARK_PERIOD_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdk.settings import Settings
    from evergreen.metrics.event_marks import EventMark


class EventMarks(Construct):
    """One alarm without actions for each model and each event that is to be marked."""

    def __init__(self, scope: Construct, models: Iterable[str], settings: Settings) -> None:
        super().__init__(scope, "EventMarks")
        for model in models:
            room = model_room(self, model, settings)
            for event in EVENT_MARKS:
                self._mark(room, model, event)

    def _mark(self, room: Construct, model: str, event: EventMark) -> None:
        metric = cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=event.metric,
            dimensions_map={MODEL_DIMENSION: model},
            period=Duration.seconds(MARK_PERIOD_SECONDS),
            statistic=event.statistic,
        )
        cloudwatch.Alarm(
            room,
            f"{camel_case(model)}{event.metric}",
            alarm_description=f"Marks in Grafana: {event.says} It tells nobody.",
            metric=metric,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # Drift checks are an hour or a day apart, and a lasting state also lasts between them.
            treat_missing_data=(
                cloudwatch.TreatMissingData.IGNORE
                if event.lasts
                else cloudwatch.TreatMissingData.NOT_BREACHING
            ),
        )
