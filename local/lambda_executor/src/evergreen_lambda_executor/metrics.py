"""Metrics that functions write to their logs, put into LocalStack's CloudWatch as AWS does.

A log line in the embedded metric format is a JSON object that says which of its members are
metrics. The format:
docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import batched
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAX_DATA = 1000
"""Metric data per PutMetricData call."""
MAX_VALUES = 150
"""Values per metric datum, both from the API reference of PutMetricData."""
PAUSES = (0.5, 1.0, 2.0)
"""Seconds before each further attempt at a call that failed."""
COLLECTING = 0.4
"""Seconds in which lines are collected for one call."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where metrics belong: an account, a region and a namespace."""

    account: str
    region: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Series:
    """A metric's values of one moment: all that values must share to be in one datum."""

    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str
    resolution: int | None
    timestamp: int
    """Milliseconds since 1970."""


type Batch = dict[Place, dict[Series, Counter[float]]]
"""How often each value was written, by series."""
type Put = Callable[[Place, list[dict[str, Any]]], object]
"""Puts at most ``MAX_DATA`` data with one call; raises if CloudWatch refuses."""


def read_line(line: str) -> Iterator[tuple[str, Series, list[float]]]:
    """Yield (namespace, series, values) for each metric and dimension set of one log line.

    A line that is not in the embedded metric format yields nothing, and neither does a metric or a
    dimension set that names a missing member.
    """
    if '"_aws"' not in line:
        return
    try:
        body = json.loads(line)
        found = list(_read(body, body["_aws"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    yield from found


def _read(body: dict[str, Any], head: dict[str, Any]) -> Iterator[tuple[str, Series, list[float]]]:
    timestamp = int(head["Timestamp"])
    for directive in head["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            if any(not isinstance(body.get(name), str | int | float) for name in names):
                continue
            dimensions = tuple((name, str(body[name])) for name in names)
            for metric in directive["Metrics"]:
                values = _numbers(body.get(metric["Name"]))
                if not values:
                    continue
                series = Series(
                    metric["Name"],
                    dimensions,
                    metric.get("Unit") or "None",
                    metric.get("StorageResolution"),
                    timestamp,
                )
                yield directive["Namespace"], series, values


def _numbers(value: object) -> list[float]:
    """Return the value or values of a metric; none if one is not a number."""
    values = value if isinstance(value, list) else [value]
    numbers = [
        each for each in values if isinstance(each, int | float) and not isinstance(each, bool)
    ]
    return numbers if len(numbers) == len(values) else []


def metric_data(series: dict[Series, Counter[float]]) -> Iterator[dict[str, Any]]:
    """Yield the data of PutMetricData for the collected values."""
    for one, counts in series.items():
        for part in batched(counts.items(), MAX_VALUES, strict=False):
            values, times = zip(*part, strict=True)
            datum = {
                "MetricName": one.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in one.dimensions],
                "Timestamp": datetime.fromtimestamp(one.timestamp / 1000, UTC),
                "Unit": one.unit,
                "Values": list(values),
                "Counts": [float(count) for count in times],
            }
            if one.resolution:
                datum["StorageResolution"] = one.resolution
            yield datum


@dataclass
class MetricWriter:
    """Collects the metrics of all functions, and puts them in a thread of its own.

    Parameters
    ----------
    put
        Puts the data of one call.
    """

    put: Put
    _batch: Batch = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _filled: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def take(self, account: str, region: str, lines: Iterable[str]) -> None:
        """Collect the metrics of log lines; they are in CloudWatch within a second."""
        for line in lines:
            for namespace, series, values in read_line(line):
                self.add(Place(account, region, namespace), series, values)

    def add(self, place: Place, series: Series, values: Iterable[float] = (1.0,)) -> None:
        """Collect values of one series; one occurrence by default."""
        with self._lock:
            self._batch.setdefault(place, {}).setdefault(series, Counter()).update(values)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="lambda-metrics", daemon=True
                )
                self._thread.start()
        self._filled.set()

    def stop(self) -> None:
        """Put what was collected, and end the thread."""
        self._stopping.set()
        self._filled.set()
        if self._thread:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._filled.wait()
            self._stopping.wait(COLLECTING)
            self._filled.clear()
            self._put_collected()
        self._put_collected()

    def _put_collected(self) -> None:
        with self._lock:
            batch, self._batch = self._batch, {}
        for place, series in batch.items():
            for data in batched(metric_data(series), MAX_DATA, strict=False):
                self._attempt(place, list(data))

    def _attempt(self, place: Place, data: list[dict[str, Any]]) -> None:
        for pause in (*PAUSES, None):
            try:
                self.put(place, data)
            except Exception as error:  # noqa: BLE001 - the writer must survive whatever it is
                if pause is None or self._stopping.is_set():
                    _LOG.error("%s metric data of %s are lost: %s", len(data), place, error)
                    return
                self._stopping.wait(pause)
            else:
                return


def put_into_cloudwatch(place: Place, data: list[dict[str, Any]]) -> None:
    """Put the data of one call into LocalStack's CloudWatch."""
    from localstack.aws.connect import connect_to  # noqa: PLC0415 - only inside LocalStack

    client = connect_to(aws_access_key_id=place.account, region_name=place.region).cloudwatch
    client.put_metric_data(Namespace=place.namespace, MetricData=data)


WRITER = MetricWriter(put_into_cloudwatch)
"""The writer of this LocalStack."""
