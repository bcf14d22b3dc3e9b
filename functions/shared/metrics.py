"""Metric recorder: collects the metrics of one invocation and writes them at its end.

It writes to the log in the embedded metric format: one line with a directive for each set of
dimensions. A line has room for one value of a second dimension. If a metric has several values in
one invocation (the classes of a batch), each further value gets a further line.

The lines are written without Powertools: its checks of each metric took longer than a prediction,
and the catalog has the same names and units at each invocation. The format:
docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from evergreen.metrics.catalog import BY_METRIC, MODEL_DIMENSION, NAMESPACE, Metric
from evergreen.serving.metric_groups import UNKNOWN, origin_network

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_LONGEST_VALUE = 1024
_MOST_VALUES = 100
"""CloudWatch reads so many values of one metric from a line."""
_PAGE, _BLOCK = 4096, 512
_MEGA, _MEBI = 10**6, 2**20
_ENCODER = msgspec.json.Encoder()
_DIMENSIONS = {spec.metric: spec.by for spec in BY_METRIC.values()}
_GROWING = frozenset({"origin", "feature"})
"""Dimensions whose values grow with the callers and the features; CloudWatch bills each value."""
_LEAN = os.environ.get("EVERGREEN_METRICS") == "lean"
"""Whether the deployment keeps only the totals of the metrics that have such a dimension."""
_Values = dict[Metric, list[float]]


class Recorder:
    """Collects metrics of one model until they are written.

    Parameters
    ----------
    model
        The value of the dimension ``model``.
    counters
        Counters that every invocation writes, as zero if nothing was counted. So missing data
        always means no traffic.
    """

    def __init__(self, model: str, counters: Iterable[Metric] = ()) -> None:
        self._model = model
        self._counters = tuple(counters)
        self._totals: _Values = defaultdict(list)
        self._parts: dict[str, dict[str, _Values]] = {}

    def record(self, metric: Metric, value: float, by: str | None = None) -> None:
        """Add one value; ``by`` is the value of the metric's second dimension, if it has one.

        Raises
        ------
        ValueError
            If the metric has a second dimension in the catalog and ``by`` is missing, or the
            other way round.
        """
        dimension = _DIMENSIONS[metric]
        if (dimension is None) != (by is None):
            raise ValueError(f"{metric} is told apart by {dimension}, and was given {by!r}")
        if dimension is None or by is None or (_LEAN and dimension in _GROWING):
            recorded = self._totals
        else:
            parts = self._parts.setdefault(dimension, {})
            value_of = _dimension_value(by)
            if value_of not in parts:
                parts[value_of] = defaultdict(list)
            recorded = parts[value_of]
        recorded[metric].append(float(value))

    def record_answer(
        self, source_ip: str | None, endpoint: str, status: int, milliseconds: float
    ) -> None:
        """Record one answer to a request.

        Parameters
        ----------
        source_ip
            The address of the caller.
        endpoint
            The template of its route.
        """
        self.record(Metric.REQUESTS, 1, endpoint)
        self.record(Metric.RESPONSE_TIME, milliseconds, endpoint)
        self.record(Metric.RESPONSES, 1, str(status))
        self.record(Metric.ORIGINS, 1, origin_network(source_ip))
        self.record(Metric.CLIENT_ERRORS, int(_CLIENT_ERROR <= status < _SERVER_ERROR))
        self.record(Metric.SERVER_ERRORS, int(status >= _SERVER_ERROR))

    def forget(self) -> None:
        """Drop what was recorded, where nobody reads the lines."""
        self._totals, self._parts = defaultdict(list), {}

    def flush(self) -> None:
        """Write the recorded metrics, and start empty again."""
        for metric in self._counters:
            self._totals.setdefault(metric, [0])
        lines: list[_Line] = []
        for values in _in_parts(self._totals):
            lines.append(_Line(self._model))
            lines[-1].add(values)
        for dimension, parts in self._parts.items():
            place = 0
            for value, recorded in parts.items():
                for values in _in_parts(recorded):
                    if place == len(lines):
                        lines.append(_Line(self._model))
                    lines[place].add(values, dimension, value)
                    place += 1
        self.forget()
        # CloudWatch reads the metrics from the log.
        sys.stdout.write("".join([line.text() for line in lines]))


class _Line:
    """One line of metrics: values by name, and directives that say what they are."""

    def __init__(self, model: str) -> None:
        self._directives: list[msgspec.Raw] = []
        self._members: dict[str, Any] = {MODEL_DIMENSION: model}

    def add(self, values: _Values, dimension: str | None = None, by: str | None = None) -> None:
        """Add metrics that no other call adds, with the value of their second dimension."""
        self._directives.append(_directive(dimension, tuple(values)))
        if dimension is not None:
            self._members[dimension] = by
        self._members.update(values)  # type: ignore[arg-type] # a metric is its name

    def text(self) -> str:
        about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": self._directives}
        return _ENCODER.encode({"_aws": about, **self._members}).decode() + "\n"


def _in_parts(recorded: _Values) -> list[_Values]:
    """Split the values of an invocation into what fits a line each; usually that is all."""
    longest = max(map(len, recorded.values()), default=0)
    if longest <= _MOST_VALUES:
        return [recorded] if recorded else []
    return [
        {name: part for name, all_ in recorded.items() if (part := all_[at : at + _MOST_VALUES])}
        for at in range(0, longest, _MOST_VALUES)
    ]


@cache
def _directive(dimension: str | None, metrics: tuple[Metric, ...]) -> msgspec.Raw:
    """Return what CloudWatch is to do with the metrics: also their total, where it is split."""
    sets = [[MODEL_DIMENSION], *([] if dimension is None else [[MODEL_DIMENSION, dimension]])]
    units = [{"Name": str(metric), "Unit": BY_METRIC[metric].unit} for metric in metrics]
    told = {"Namespace": NAMESPACE, "Dimensions": sets, "Metrics": units}
    return msgspec.Raw(_ENCODER.encode(told))


@lru_cache(maxsize=1024)
def _dimension_value(text: str) -> str:
    r"""Return ``text`` as a dimension value: ASCII, not empty, no leading colon, not too long.

    A character beyond ASCII becomes its escape (``\u6674``), so that two classes stay two.
    """
    plain = text.encode("ascii", "backslashreplace").decode().strip().lstrip(":")
    return plain[:_LONGEST_VALUE] or UNKNOWN


class ServiceWatch:
    """Records the resources that an invocation used: processor, memory, disk, age.

    There is one recorder for each execution environment. The age of an environment starts with its
    first invocation, because on AWS it may be a copy of one that was started long before.
    """

    def __init__(self) -> None:
        self._first: float | None = None
        self._statm: int | None = None

    @contextmanager
    def watch(self, recorder: Recorder, context: LambdaContext) -> Iterator[None]:
        """Record processor time, memory, disk and age around the body."""
        started, processor, disk = time.monotonic(), time.process_time(), _disk_bytes()
        recorder.record(Metric.COLD_STARTS, int(self._first is None))
        if self._first is None:
            self._first = started
        try:
            yield
        finally:
            now = time.monotonic()
            busy = time.process_time() - processor
            recorder.record(Metric.UPTIME, now - self._first)
            recorder.record(Metric.CPU, 100 * busy / max(now - started, 1e-9))
            resident = self._resident_bytes()
            configured = int(context.memory_limit_in_mb) * _MEBI
            recorder.record(Metric.MEMORY_USED, resident / _MEGA)
            recorder.record(Metric.MEMORY, 100 * resident / configured)
            read, written = _disk_bytes()
            recorder.record(Metric.DISK_READ, read - disk[0])
            recorder.record(Metric.DISK_WRITTEN, written - disk[1])

    def _resident_bytes(self) -> int:
        if self._statm is None:  # it stays open: to open it takes several times as long as to read
            self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        return int(os.pread(self._statm, 128, 0).split()[1]) * _PAGE


def _disk_bytes() -> tuple[int, int]:
    """Return what the process has read from disks and written to them; Linux counts blocks."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_inblock * _BLOCK, used.ru_oublock * _BLOCK
