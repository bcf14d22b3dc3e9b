"""Metric history from CloudWatch: evenly spaced values, with gaps where there was no data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from evergreen.clock import Moment
from evergreen.metrics.catalog import Metric
from evergreen.metrics.cloudwatch import Window, read_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_cloudwatch import CloudWatchClient

    from evergreen.metrics.cloudwatch import SeriesStatistic


@dataclass(frozen=True, slots=True)
class Span:
    """A time span and its period length; the current period is the last one."""

    periods: int
    period: timedelta


SPANS: Mapping[str, Span] = MappingProxyType(
    {
        "1h": Span(60, timedelta(minutes=1)),
        "24h": Span(96, timedelta(minutes=15)),
        "7d": Span(84, timedelta(hours=2)),
    }
)
"""The available spans by name."""


class MetricHistory(BaseModel):
    """Values of consecutive periods; None for a period without data."""

    model_config = ConfigDict(frozen=True)

    metric: Metric
    statistic: str
    start: Moment
    period_seconds: int
    values: tuple[float | None, ...]


def read_metric_history(
    client: CloudWatchClient, wanted: Sequence[SeriesStatistic], span: Span, now: datetime
) -> list[MetricHistory]:
    """Read the history of metrics.

    Parameters
    ----------
    client
        A boto3 CloudWatch client.
    wanted
        What to read, without duplicates.
    span
        The time span and its period length.
    now
        The current time, aware.

    Returns
    -------
    list[MetricHistory]
        One for each of ``wanted``, in the same order, each with ``span.periods`` values.
    """
    window = Window.back(now, span.periods - 1, span.period)
    values = _nothing(wanted, span)
    for sample, moment, value in read_values(client, wanted, window):
        position = (moment - window.start) // span.period
        if 0 <= position < span.periods:
            values[sample][position] = value
    return _histories(wanted, values, window)


def history_without_data(
    wanted: Sequence[SeriesStatistic], span: Span, now: datetime
) -> list[MetricHistory]:
    """Return what :func:`read_metric_history` returns if there are no data."""
    window = Window.back(now, span.periods - 1, span.period)
    return _histories(wanted, _nothing(wanted, span), window)


def _nothing(
    wanted: Sequence[SeriesStatistic], span: Span
) -> dict[SeriesStatistic, list[float | None]]:
    return {each: [None] * span.periods for each in wanted}


def _histories(
    wanted: Sequence[SeriesStatistic],
    values: Mapping[SeriesStatistic, Sequence[float | None]],
    window: Window,
) -> list[MetricHistory]:
    return [
        MetricHistory(
            metric=each.series.spec.metric,
            statistic=each.statistic,
            start=window.start,
            period_seconds=int(window.period.total_seconds()),
            values=tuple(values[each]),
        )
        for each in wanted
    ]
