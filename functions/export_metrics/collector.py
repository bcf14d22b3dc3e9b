"""Collector of CloudWatch's metrics as Prometheus types.

CloudWatch stores sums of periods, but a Prometheus counter only grows. So a counter is the sum
since midnight UTC. It grows through the day and starts again at 0. ``rate`` and ``increase`` handle
this reset like the restart of a program. The same holds for a summary's ``_sum`` and ``_count``.
Its quantiles cover the last five minutes; quantile 1 is the largest value.

What CloudWatch does not answer in time is left out, and :data:`UNREAD` says so. A total is then
missing and not 0, because Prometheus would take 0 for a restart.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from prometheus_client import Metric as Family
from prometheus_client.registry import Collector

from evergreen.metrics.catalog import MODEL_DIMENSION, NO_MODEL, SPECS, Metric, MetricSpec
from evergreen.metrics.cloudwatch import (
    MAX_QUERIES,
    Series,
    SeriesStatistic,
    Window,
    dimensions,
    find_series,
    read_newest,
)
from evergreen.metrics.freshness import newest_metrics
from evergreen.metrics.prometheus import prometheus_name, prometheus_scale

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

    from evergreen.clock import Clock

UNREAD = "evergreen_metrics_unread"
"""Gauge with the label ``part``: 1 where CloudWatch did not answer for the part, else 0."""
AGE = "evergreen_newest_metric_age_seconds"
"""Gauge: the age of the newest metric of a model, to five minutes, an hour or a day as it is older.
A week where there was none within a week."""
READ_PARTS = ("list", "totals", "quantiles", "gauges", "seldom", "freshness")
"""The list of series, and the values that are read of it, in this order."""
_A_WEEK = timedelta(days=7)

_TYPES = {"counter": "counter", "gauge": "gauge", "distribution": "summary"}
# Minutes for the metrics of every request, hours for those of a daily drift check.
_MINUTES = 5, timedelta(minutes=1)
_HOURS = 26, timedelta(hours=1)
_QUANTILES = 1, timedelta(minutes=5)

_log = logging.getLogger(__name__)


class CloudWatchCollector(Collector):
    """Collects the metric families of all metrics of the catalog.

    Parameters
    ----------
    client
        A boto3 CloudWatch client.
    clock
        Returns the end of the time range.
    quantiles
        The quantiles of distributions, in addition to the largest value.
    """

    def __init__(
        self, client: CloudWatchClient, clock: Clock, quantiles: Sequence[float] = ()
    ) -> None:
        self._client = client
        self._clock = clock
        self._quantiles = {f"p{round(100 * each, 2):g}": f"{each:g}" for each in quantiles}
        self._quantiles["Maximum"] = "1"
        self._listed: list[Series] = []
        self._silent = False
        self.unread: set[str] = set()
        """The parts that the newest collection could not read."""

    def collect(self) -> Iterator[Family]:
        """Yield one family for each metric, without samples if it has no data."""
        self.unread, self._silent = set(), False
        with self._part("list"):  # without a new list, that of the last collection is used
            self._listed = find_series(self._client)
        found = sorted(_known(self._listed), key=lambda each: each.values)
        values = self._read(found)
        for spec in SPECS:
            family = _family(spec)
            for series in found:
                if series.spec is spec:
                    self._add(family, series, values)
            yield family
        yield self._ages({series.values[0] for series in found} - {NO_MODEL})
        said = Family(UNREAD, "1 if CloudWatch did not answer for this part in time.", "gauge")
        for part in READ_PARTS:
            said.add_sample(UNREAD, {"part": part}, float(part in self.unread))
        yield said

    def _ages(self, models: set[str]) -> Family:
        now = self._clock()
        ages = Family(AGE, "Age of the newest metric of a model.", "gauge")
        if self._silent:
            self.unread.add("freshness")
            return ages
        with self._part("freshness"):
            written = newest_metrics(self._client, sorted(models), now)
            for model in sorted(models):
                age = now - written.get(model, now - _A_WEEK)
                ages.add_sample(AGE, {MODEL_DIMENSION: model}, max(age.total_seconds(), 0.0))
        return ages

    @contextmanager
    def _part(self, name: str) -> Iterator[None]:
        """Read a part; if CloudWatch refuses or does not answer in time, go on without it."""
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            _log.warning("CloudWatch did not answer for %s: %s", name, error)
            self.unread.add(name)
            if name != "list" and isinstance(error, BotoCoreError):
                self._silent = True

    def _newest(
        self, part: str, wanted: Sequence[SeriesStatistic], window: Window
    ) -> dict[SeriesStatistic, float]:
        values: dict[SeriesStatistic, float] = {}
        for first in range(0, len(wanted), MAX_QUERIES):
            if self._silent:  # a service that is too slow would only get slower
                self.unread.add(part)
                break
            some = wanted[first : first + MAX_QUERIES]
            with self._part(part):
                found = read_newest(self._client, some, window)
                values |= dict.fromkeys(some, 0.0) | found if part == "totals" else found
        return values

    def _read(self, found: Sequence[Series]) -> dict[SeriesStatistic, float]:
        now = self._clock()
        totals = [
            *_samples(found, "counter", "Sum"),
            *_samples(found, "distribution", "Sum", "SampleCount"),
        ]
        spread = _samples(found, "distribution", *self._quantiles)
        gauges = [
            SeriesStatistic(each, _gauge(each.spec)) for each in found if each.spec.kind == "gauge"
        ]
        values = self._newest("totals", totals, Window.today(now))
        values |= self._newest("quantiles", spread, Window.back(now, *_QUANTILES))
        values |= self._newest("gauges", gauges, Window.back(now, *_MINUTES))
        seldom = [each for each in gauges if each not in values and _may_be_old(each.series.spec)]
        values |= self._newest("seldom", seldom, Window.back(now, *_HOURS))
        return {sample: value * _scale(sample) for sample, value in values.items()}

    def _add(self, family: Family, series: Series, values: dict[SeriesStatistic, float]) -> None:
        labels = dict(zip(dimensions(series.spec), series.values, strict=True))

        def add(statistic: str, suffix: str = "", **more: str) -> None:
            value = values.get(SeriesStatistic(series, statistic))
            if value is not None:
                family.add_sample(family.name + suffix, labels | more, value)

        match series.spec.kind:
            case "counter":
                add("Sum", "_total")
            case "gauge":
                add(_gauge(series.spec))
            case "distribution":
                for statistic, quantile in self._quantiles.items():
                    add(statistic, quantile=quantile)
                add("Sum", "_sum")
                add("SampleCount", "_count")


def _family(spec: MetricSpec) -> Family:
    # The client library appends the suffix of a counter itself.
    name = prometheus_name(spec).removesuffix("_total")
    return Family(name, f"{spec.says[0].upper()}{spec.says[1:]}.", _TYPES[spec.kind])


def _known(listed: Iterable[Series]) -> set[Series]:
    """Add 0 for every model's counters without data, so that they exist before a failure.

    Otherwise ``increase`` would miss the first failure. CloudWatch also lists a new metric up to 15
    minutes late.
    """
    known = set(listed)
    models = {series.values[:1] for series in known}
    plain = [spec for spec in SPECS if spec.kind == "counter" and spec.by is None]
    return known | {Series(spec, model) for spec in plain for model in models}


def _samples(found: Sequence[Series], kind: str, *statistics: str) -> list[SeriesStatistic]:
    return [
        SeriesStatistic(series, statistic)
        for series in found
        if series.spec.kind == kind
        for statistic in statistics
    ]


def _scale(sample: SeriesStatistic) -> float:
    return 1.0 if sample.statistic == "SampleCount" else prometheus_scale(sample.series.spec)


def _gauge(spec: MetricSpec) -> str:
    # The mean of two versions is not a version.
    return "Maximum" if spec.metric is Metric.PRODUCTION_VERSION else "Average"


def _may_be_old(spec: MetricSpec) -> bool:
    # Values of an environment that ran hours ago say nothing about now.
    return spec.board != "service"
