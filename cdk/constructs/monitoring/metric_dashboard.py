"""The CloudWatch dashboard: one graph for each metric of the catalog.

LocalStack's CloudWatch answers neither percentiles nor metric math (a search is metric math). There
the dashboard shows the maximum instead of percentiles, and the total instead of one line per value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from evergreen.metrics.catalog import (
    MODEL_DIMENSION,
    NAMESPACE,
    NO_MODEL,
    SPECS,
    Board,
    MetricSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from constructs import Construct

    from cdk.settings import Settings

_PERIOD = Duration.minutes(5)
_WIDTH, _HEIGHT = 8, 6
_BOARDS: Mapping[Board, str] = {
    "service": "Service",
    "api": "API",
    "data": "Data",
    "model": "Model",
}
_STATISTICS = {
    "counter": (cloudwatch.Stats.SUM,),
    "gauge": (cloudwatch.Stats.AVERAGE,),
    "distribution": (cloudwatch.Stats.p(50), cloudwatch.Stats.p(99)),
}
_ON_EMULATOR = _STATISTICS | {"distribution": (cloudwatch.Stats.AVERAGE, cloudwatch.Stats.MAXIMUM)}


class MetricDashboard(cloudwatch.Dashboard):
    """The CloudWatch dashboard: every metric of every model, grouped by board."""

    def __init__(self, scope: Construct, models: Iterable[str], settings: Settings) -> None:
        super().__init__(
            scope, "Dashboard", dashboard_name=settings.name(), default_interval=Duration.hours(24)
        )
        names = list(models)
        for board, title in _BOARDS.items():
            heading = cloudwatch.TextWidget(markdown=f"# {title}", width=24, height=1)
            self.add_widgets(heading)
            graphs = [
                _graph(
                    spec,
                    [NO_MODEL] if spec.emitter == "gateway" else names,
                    emulator=settings.emulator,
                )
                for spec in SPECS
                if spec.board == board
            ]
            for first in range(0, len(graphs), 3):
                self.add_widgets(*graphs[first : first + 3])


def _graph(spec: MetricSpec, models: list[str], *, emulator: bool) -> cloudwatch.GraphWidget:
    statistics = (_ON_EMULATOR if emulator else _STATISTICS)[spec.kind]
    lines: Iterator[cloudwatch.IMetric]
    if spec.by is None or emulator:
        lines = (_total(spec, model, each) for model in models for each in statistics)
    else:
        lines = (_by_dimension(spec, each) for each in statistics)
    return cloudwatch.GraphWidget(
        title=f"{spec.metric}: {spec.says}",
        left=list(lines),
        left_y_axis=cloudwatch.YAxisProps(label=spec.unit, min=0, show_units=False),
        width=_WIDTH,
        height=_HEIGHT,
    )


def _total(spec: MetricSpec, model: str, statistic: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=spec.metric,
        dimensions_map={MODEL_DIMENSION: model},
        statistic=statistic,
        label=f"{model} {statistic}",
        period=_PERIOD,
    )


def _by_dimension(spec: MetricSpec, statistic: str) -> cloudwatch.MathExpression:
    schema = f"{{{NAMESPACE},{MODEL_DIMENSION},{spec.by}}}"
    search = f"""SEARCH('{schema} MetricName="{spec.metric}"', '{statistic}')"""
    return cloudwatch.MathExpression(expression=search, label="", period=_PERIOD)
