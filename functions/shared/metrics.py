"""Metric recorder: collects the metrics of one invocation and writes them at its end.

It writes to the log in the embedded metric format: one line with a directive for each set of
dimensions. A line has room for one value of a second dimension. If a metric has several values in
one invocation (the classes of a batch), each further value gets a further line.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import EphemeralMetrics
from pydantic_core import to_json

from evergreen.metrics.catalog import BY_METRIC, MODEL_DIMENSION, NAMESPACE, Metric
from evergreen.serving.metric_groups import UNKNOWN, origin_network

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_LONGEST_VALUE = 1024
_PAGE = 4096
_MEGA, _MEBI = 10**6, 2**20
_PROCESS = Path("/proc/self")
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
        dimension = BY_METRIC[metric].by
        if dimension is None and by is None:
            self._totals[metric].append(value)
        elif dimension is not None and by is not None:
            parts = self._parts.setdefault(dimension, {})
            parts.setdefault(_dimension_value(by), defaultdict(list))[metric].append(value)
        else:
            raise ValueError(f"{metric} is told apart by {dimension}, and was given {by!r}")

    def record_answer(
        self, event: Mapping[str, Any], endpoint: str, status: int, milliseconds: float
    ) -> None:
        """Record one answer to a request of API Gateway.

        Parameters
        ----------
        event
            The request, as a REST API (v1) sends it to a function.
        endpoint
            The template of its route.
        """
        identity = event.get("requestContext", {}).get("identity", {})
        self.record(Metric.REQUESTS, 1, endpoint)
        self.record(Metric.RESPONSE_TIME, milliseconds, endpoint)
        self.record(Metric.RESPONSES, 1, str(status))
        self.record(Metric.ORIGINS, 1, origin_network(identity.get("sourceIp")))
        self.record(Metric.CLIENT_ERRORS, int(_CLIENT_ERROR <= status < _SERVER_ERROR))
        self.record(Metric.SERVER_ERRORS, int(status >= _SERVER_ERROR))

    def flush(self) -> None:
        """Write the recorded metrics, and start empty again."""
        for metric in self._counters:
            self._totals.setdefault(metric, [0])
        lines = [[self._document(self._totals)]] if self._totals else []
        for dimension, parts in self._parts.items():
            for place, (value, values) in enumerate(parts.items()):
                if place == len(lines):
                    lines.append([])
                lines[place].append(self._document(values, {dimension: value}))
        self._totals, self._parts = defaultdict(list), {}
        for documents in lines:
            # CloudWatch reads the metrics from the log.
            sys.stdout.write(to_json(_merged(documents)).decode() + "\n")

    def _document(self, values: _Values, by: dict[str, str] | None = None) -> dict[str, Any]:
        # An empty name keeps Powertools from adding a dimension `service`.
        document = EphemeralMetrics(namespace=NAMESPACE, service="")
        document.add_dimension(MODEL_DIMENSION, self._model)
        if by:
            document.add_dimensions(**{MODEL_DIMENSION: self._model, **by})
        for metric, numbers in values.items():
            for number in numbers:
                document.add_metric(metric, BY_METRIC[metric].unit, number)
        return dict(document.serialize_metric_set())


def _dimension_value(text: str) -> str:
    r"""Return ``text`` as a dimension value: ASCII, not empty, no leading colon, not too long.

    A character beyond ASCII becomes its escape (``\u6674``), so that two classes stay two.
    """
    plain = text.encode("ascii", "backslashreplace").decode().strip().lstrip(":")
    return plain[:_LONGEST_VALUE] or UNKNOWN


def _merged(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """Join documents of one moment; each metric is in only one of them."""
    first, *others = documents
    for other in others:
        first["_aws"]["CloudWatchMetrics"] += other.pop("_aws")["CloudWatchMetrics"]
        first.update(other)
    return first


class ServiceWatch:
    """Records the resources that an invocation used: processor, memory, disk, age.

    There is one recorder for each execution environment. The age of an environment starts with its
    first invocation, because on AWS it may be a copy of one that was started long before.
    """

    def __init__(self) -> None:
        self._first: float | None = None

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
            resident = int((_PROCESS / "statm").read_text().split()[1]) * _PAGE
            configured = int(context.memory_limit_in_mb) * _MEBI
            recorder.record(Metric.MEMORY_USED, resident / _MEGA)
            recorder.record(Metric.MEMORY, 100 * resident / configured)
            read, written = _disk_bytes()
            recorder.record(Metric.DISK_READ, read - disk[0])
            recorder.record(Metric.DISK_WRITTEN, written - disk[1])


def _disk_bytes() -> tuple[int, int]:
    lines = (_PROCESS / "io").read_text().splitlines()
    counts = dict(line.split(": ") for line in lines)
    return int(counts["read_bytes"]), int(counts["write_bytes"])
