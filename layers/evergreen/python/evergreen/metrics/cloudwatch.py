"""Reader of the newest value of every series in CloudWatch, for callers that poll."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from evergreen.metrics.catalog import MODEL_DIMENSION, NAMESPACE, SPECS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

    from evergreen.metrics.catalog import MetricSpec

MAX_QUERIES = 500
"""Queries per GetMetricData call, from its API reference."""

_BY_NAME = {spec.metric.value: spec for spec in SPECS}


@dataclass(frozen=True, slots=True)
class Series:
    """One metric with the values of its dimensions: the model, then the second one if any."""

    spec: MetricSpec
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeriesStatistic:
    """One CloudWatch statistic of a series, e.g. ``Sum`` or ``p99``."""

    series: Series
    statistic: str


@dataclass(frozen=True, slots=True)
class Window:
    """Time from ``start`` to ``end``, cut into periods; ``start`` lies on a period's edge."""

    start: datetime
    end: datetime
    period: timedelta

    @classmethod
    def back(cls, now: datetime, periods: int, period: timedelta) -> Window:
        """Return the period that contains ``now`` and the ``periods`` whole ones before it."""
        step = int(period.total_seconds())
        current = datetime.fromtimestamp(int(now.timestamp()) // step * step, UTC)
        return cls(current - periods * period, now, period)

    @classmethod
    def today(cls, now: datetime) -> Window:
        """Return the time since midnight UTC, as a single period."""
        return cls.back(now, 0, timedelta(days=1))


def dimensions(spec: MetricSpec) -> tuple[str, ...]:
    """Return the names of a metric's dimensions, ``model`` first."""
    return (MODEL_DIMENSION,) if spec.by is None else (MODEL_DIMENSION, spec.by)


def find_series(client: CloudWatchClient) -> list[Series]:
    """Return every series of the table that had data in the last two weeks, unordered."""
    pages = client.get_paginator("list_metrics").paginate(Namespace=NAMESPACE)
    found = []
    for page in pages:
        for metric in page["Metrics"]:
            spec = _BY_NAME.get(metric["MetricName"])
            values = {each["Name"]: each["Value"] for each in metric.get("Dimensions", [])}
            if spec and values.keys() == set(dimensions(spec)):
                found.append(Series(spec, tuple(values[name] for name in dimensions(spec))))
    return found


def read_newest(
    client: CloudWatchClient, wanted: Sequence[SeriesStatistic], window: Window
) -> dict[SeriesStatistic, float]:
    """Read each sample of the newest period that has data.

    Parameters
    ----------
    client
        A boto3 CloudWatch client.
    wanted
        What to read.
    window
        When to look.

    Returns
    -------
    dict[Sample, float]
        Values in CloudWatch's units. Samples without data in the window are left out.
    """
    newest: dict[SeriesStatistic, tuple[datetime, float]] = {}
    for sample, moment, value in read_values(client, wanted, window):
        if sample not in newest or moment > newest[sample][0]:
            newest[sample] = moment, value
    return {sample: value for sample, (_, value) in newest.items()}


def read_values(
    client: CloudWatchClient, wanted: Sequence[SeriesStatistic], window: Window
) -> Iterator[tuple[SeriesStatistic, datetime, float]]:
    """Yield every value of each sample with the beginning of its period, unordered."""
    for first in range(0, len(wanted), MAX_QUERIES):
        yield from _read(client, wanted[first : first + MAX_QUERIES], window)


def _read(
    client: CloudWatchClient, wanted: Sequence[SeriesStatistic], window: Window
) -> Iterator[tuple[SeriesStatistic, datetime, float]]:
    pages = client.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[_query(f"m{at}", sample, window) for at, sample in enumerate(wanted)],
        StartTime=window.start,
        EndTime=window.end,
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            sample = wanted[int(result["Id"].removeprefix("m"))]
            for moment, value in zip(result["Timestamps"], result["Values"], strict=True):
                yield sample, moment, value


def _query(name: str, sample: SeriesStatistic, window: Window) -> MetricDataQueryTypeDef:
    series = sample.series
    named = zip(dimensions(series.spec), series.values, strict=True)
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {
                "Namespace": NAMESPACE,
                "MetricName": series.spec.metric,
                "Dimensions": [{"Name": each, "Value": value} for each, value in named],
            },
            "Period": int(window.period.total_seconds()),
            "Stat": sample.statistic,
        },
    }
