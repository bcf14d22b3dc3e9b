"""CloudWatch's two reading verbs over data in memory.

For what LocalStack's cannot answer: percentiles, and pages of results.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Identity = tuple[str, tuple[tuple[str, str], ...]]


@dataclass
class MemoryCloudWatch:
    """Keeps every value; ``queries`` counts what GetMetricData was asked for."""

    data: dict[Identity, list[tuple[datetime, float]]] = field(default_factory=dict)
    queries: int = 0
    largest_call: int = 0

    def put(self, name: str, moment: datetime, *values: float, **dimensions: str) -> None:
        identity = (name, tuple(sorted(dimensions.items())))
        self.data.setdefault(identity, []).extend((moment, value) for value in values)

    def get_paginator(self, verb: str) -> Any:
        return _Pages({"list_metrics": self._list, "get_metric_data": self._get}[verb])

    def _list(self, *, Namespace: str) -> Iterator[Any]:  # noqa: N803
        assert Namespace == "Evergreen"
        for name, dimensions in self.data:  # a page for each
            named = [{"Name": key, "Value": value} for key, value in dimensions]
            yield {"Metrics": [{"MetricName": name, "Dimensions": named}]}

    def _get(
        self,
        *,
        MetricDataQueries: Sequence[Any],  # noqa: N803
        StartTime: datetime,  # noqa: N803
        EndTime: datetime,  # noqa: N803
    ) -> Iterator[Any]:
        self.queries += len(MetricDataQueries)
        self.largest_call = max(self.largest_call, len(MetricDataQueries))
        for query in MetricDataQueries:
            stat = query["MetricStat"]
            metric = stat["Metric"]
            named = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            periods: dict[int, list[float]] = {}
            values = self.data.get((metric["MetricName"], tuple(sorted(named.items()))), [])
            for moment, value in values:
                if StartTime <= moment < EndTime:
                    start = int(moment.timestamp()) // stat["Period"] * stat["Period"]
                    periods.setdefault(start, []).append(value)
            for start, members in periods.items():  # a page for each, oldest first
                moment = datetime.fromtimestamp(start, UTC)
                result = {"Id": query["Id"], "Timestamps": [moment]}
                yield {"MetricDataResults": [result | {"Values": [_of(stat["Stat"], members)]}]}


@dataclass(frozen=True)
class _Pages:
    paginate: Any


def _of(statistic: str, values: list[float]) -> float:
    match statistic:
        case "Sum":
            return sum(values)
        case "SampleCount":
            return len(values)
        case "Average":
            return statistics.fmean(values)
        case "Maximum":
            return max(values)
    assert statistic.startswith("p")
    rank = math.ceil(float(statistic[1:]) / 100 * len(values))
    return sorted(values)[rank - 1]
