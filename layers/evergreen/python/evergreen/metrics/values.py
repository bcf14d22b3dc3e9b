"""The metrics of a deployment as a person reads them: one value for each over a span of time."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from evergreen.clock import Moment
from evergreen.metrics.catalog import Metric, MetricSpec
from evergreen.metrics.cloudwatch import SeriesStatistic, Window, find_series, read_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from mypy_boto3_cloudwatch import CloudWatchClient

    from evergreen.metrics.cloudwatch import Series

METRIC_SPANS = {"1h": (12, timedelta(minutes=5)), "24h": (24, timedelta(hours=1))} | {
    "7d": (7, timedelta(days=1))
}
"""Periods and their length by the name of the span; few, because an emulator computes each."""
_NARROWER = (timedelta(hours=1), timedelta(minutes=5), timedelta(minutes=1))
"""Periods in which the newest value of a gauge is looked for, one inside the other."""
_STATISTICS = {"counter": ("Sum",), "gauge": ("Maximum",)} | {
    "distribution": ("Sum", "SampleCount", "Maximum")
}


_CODE = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})")


class MetricValue(BaseModel):
    """A metric of a model over a span of time."""

    model_config = ConfigDict(frozen=True)

    model: str
    metric: Metric
    by: str | None
    """The value of its second dimension; None if it has none."""
    unit: str
    kind: str
    value: float
    """Counters: the sum. Gauges: the newest value, to the minute. Distributions: the mean."""
    largest: float
    newest_at: Moment
    """Beginning of the newest period with a value."""


def read_metric_values(
    client: CloudWatchClient, model: str | None, span: str, now: datetime
) -> list[MetricValue]:
    """Return the metrics that have a value within a span, of one model or of all, by name."""
    series = [each for each in find_series(client) if model in {None, each.values[0]}]
    wanted = [
        SeriesStatistic(each, statistic)
        for each in series
        for statistic in _STATISTICS[each.spec.kind]
    ]
    found: dict[Series, dict[str, dict[datetime, float]]] = {}
    for sample, moment, value in read_values(client, wanted, Window.back(now, *METRIC_SPANS[span])):
        found.setdefault(sample.series, {}).setdefault(sample.statistic, {})[moment] = value
    gauges = {
        each: max(by["Maximum"].items()) for each, by in found.items() if each.spec.kind == "gauge"
    }
    for each, (moment, value) in _newest_values(client, gauges, METRIC_SPANS[span][1]).items():
        # The period that it was found in has one value: the newest, not the largest.
        found[each] = {"Maximum": found[each]["Maximum"], "Newest": {moment: value}}
    values = [_value(each, by_statistic) for each, by_statistic in found.items()]
    return sorted(values, key=lambda each: (each.model, each.metric, each.by or ""))


def _newest_values(
    client: CloudWatchClient,
    gauges: Mapping[Series, tuple[datetime, float]],
    period: timedelta,
) -> dict[Series, tuple[datetime, float]]:
    """Return the newest value of each gauge, to the minute, and when it was written.

    CloudWatch has no statistic for the newest value of a period. So the newest period is cut into
    shorter ones, again and again: that asks for fewer values than all minutes at once.

    Parameters
    ----------
    gauges
        The beginning of the newest period with a value, and its largest value.
    period
        The length of that period.
    """
    newest = dict(gauges)
    for step in _NARROWER:
        if step >= period:
            continue
        begun: dict[datetime, list[SeriesStatistic]] = {}
        for each, (moment, _) in newest.items():
            begun.setdefault(moment, []).append(SeriesStatistic(each, "Maximum"))
        for start, wanted in begun.items():
            within: dict[Series, tuple[datetime, float]] = {}
            for sample, moment, value in read_values(
                client, wanted, Window(start, start + period, step)
            ):
                within[sample.series] = max(
                    (moment, value), within.get(sample.series, (moment, value))
                )
            newest |= within
        period = step
    return newest


def _value(series: Series, found: dict[str, dict[datetime, float]]) -> MetricValue:
    periods = found["Maximum" if series.spec.kind != "counter" else "Sum"]
    newest = max(found.get("Newest", periods))
    return MetricValue(
        model=series.values[0],
        metric=series.spec.metric,
        by=_as_written(series.values[1]) if len(series.values) > 1 else None,
        unit=series.spec.unit,
        kind=series.spec.kind,
        value=_one(series.spec, found, newest),
        largest=max(periods.values()),
        newest_at=newest,
    )


def _one(spec: MetricSpec, found: dict[str, dict[datetime, float]], newest: datetime) -> float:
    if spec.kind == "counter":
        return sum(found["Sum"].values())
    if spec.kind == "gauge":
        return found["Newest"][newest]
    return sum(found["Sum"].values()) / sum(found["SampleCount"].values())


def _as_written(value: str) -> str:
    """Return a dimension's value with its characters: CloudWatch takes ASCII, so it has codes."""
    return _CODE.sub(lambda code: chr(int(code[code.lastindex or 0], 16)), value)


def together(values: Iterable[MetricValue]) -> list[MetricValue]:
    """Return one value for each model and metric, whatever its second dimension.

    Counters are summed. Of gauges and distributions the largest value is taken.
    """
    groups: dict[tuple[str, Metric], list[MetricValue]] = {}
    for each in values:
        groups.setdefault((each.model, each.metric), []).append(each)
    return [
        group[0].model_copy(
            update={
                "by": None if group[0].by is None else f"{len(group)} values",
                "value": (sum if group[0].kind == "counter" else max)(each.value for each in group),
                "largest": max(each.largest for each in group),
                "newest_at": max(each.newest_at for each in group),
            }
        )
        for group in groups.values()
    ]
