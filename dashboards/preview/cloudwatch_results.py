"""What LocalStack's CloudWatch can tell of the queries of a panel, as named lines.

LocalStack answers GetMetricData for one metric and one of the five plain statistics. A wildcard and
a SEARCH are therefore resolved here to the metrics that ListMetrics finds, and the two forms of
metric math that the dashboards have are computed here. A percentile cannot be had: it is left out,
and the panel says so. On AWS, Grafana lets CloudWatch do all of this.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboards.checking.answers import QueryError
from dashboards.preview.results import NamedLine, PanelAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_cloudwatch import CloudWatchClient

    from dashboards.checking.provisioned import QueryTarget

_ANY = "*"
_OF_AWS = "AWS/"
_PROPERTY = re.compile(r"\$\{PROP\('Dim\.(\w+)'\)\}")
_MATH = re.compile(r"(?:SUM\((?P<all>\w+)\)|(?P<one>\w+)) / (?P<by>\d+)")
_SEARCH = re.compile(
    r"SEARCH\('\{(?P<namespace>[^,}]+),(?P<dimension>\w+)\} MetricName=\"(?P<metric>[^\"]+)\""
    r"(?P<words>[^']*)', '(?P<statistic>\w+)', (?P<period>\d+)\)"
)
_WORD = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class LocalStackRange:
    """Asks LocalStack's CloudWatch for a time range.

    Parameters
    ----------
    client
        A boto3 CloudWatch client.
    start, end
        The range.
    """

    client: CloudWatchClient
    start: datetime
    end: datetime

    def panel(self, panel: Mapping[str, Any]) -> PanelAnswer:
        """Return the lines of a panel, and what of it LocalStack cannot answer.

        Raises
        ------
        QueryError
            If a query has a form that no dashboard had before.
        """
        shown = [target for target in panel["targets"] if not target.get("hide")]
        is_percentile = [str(target.get("statistic", "")).startswith("p") for target in shown]
        lines: list[NamedLine] = []
        for target, left_out in zip(shown, is_percentile, strict=True):
            lines += [] if left_out else self._lines(target, panel["targets"])
        missing = [each["statistic"] for each, out in zip(shown, is_percentile, strict=True) if out]
        if missing:
            return PanelAnswer(lines, f"{', '.join(missing)}: not available on LocalStack")
        of_aws = [str(each.get("namespace", "")).startswith(_OF_AWS) for each in shown]
        if not lines and all(of_aws):
            return PanelAnswer(lines, "LocalStack does not write this metric")
        return PanelAnswer(lines)

    def _lines(self, target: QueryTarget, targets: Sequence[QueryTarget]) -> list[NamedLine]:
        expression = target.get("expression")
        if not expression:
            return self._of_metric(target)
        if found := _SEARCH.fullmatch(expression):
            return self._of_search(found, target["label"])
        if found := _MATH.fullmatch(expression):
            name = found["all"] or found["one"]
            (terms,) = [self._of_metric(each) for each in targets if each.get("id") == name]
            return [_divided(terms, float(found["by"]), target["label"])] if terms else []
        raise QueryError("a form of metric math that is not drawn yet", where=expression)

    def _of_metric(self, target: QueryTarget) -> list[NamedLine]:
        asked = {
            name: value if isinstance(value, str) else value[0]
            for name, value in target["dimensions"].items()
        }
        place = (target["namespace"], target["metricName"])
        form = (target["statistic"], int(target["period"]))
        return [
            self._line(place, dimensions, form, target.get("label", ""))
            for dimensions in self._dimensions(*place)
            if dimensions.keys() == asked.keys()
            and all(asked[name] in {_ANY, value} for name, value in dimensions.items())
        ]

    def _of_search(self, found: re.Match[str], label: str) -> list[NamedLine]:
        words = set(_WORD.findall(found["words"].lower()))
        place, name = (found["namespace"], found["metric"]), found["dimension"]
        return [
            self._line(place, dimensions, (found["statistic"], int(found["period"])), label)
            for dimensions in self._dimensions(*place)
            if set(dimensions) == {name} and words <= set(_WORD.findall(dimensions[name].lower()))
        ]

    def _dimensions(self, namespace: str, name: str) -> Iterator[dict[str, str]]:
        """Yield the dimensions of each series of a metric, each once."""
        known: list[dict[str, str]] = []
        pages = self.client.get_paginator("list_metrics").paginate(
            Namespace=namespace, MetricName=name
        )
        for page in pages:
            for metric in page["Metrics"]:
                dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
                if dimensions not in known:
                    known.append(dimensions)
                    yield dimensions

    def _line(
        self,
        place: tuple[str, str],
        dimensions: Mapping[str, str],
        form: tuple[str, int],
        label: str,
    ) -> NamedLine:
        namespace, name = place
        statistic, period = form
        stat: Any = {
            "Metric": {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            },
            "Period": period,
            "Stat": statistic,
        }
        pages = self.client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=[{"Id": "q", "MetricStat": stat}],
            StartTime=self.start,
            EndTime=self.end,
        )
        values = {
            at.timestamp(): float(value)
            for page in pages
            for result in page["MetricDataResults"]
            for at, value in zip(result["Timestamps"], result["Values"], strict=True)
        }
        times = tuple(sorted(values))
        text = _PROPERTY.sub(lambda found: dimensions.get(found[1], ""), label).strip()
        return NamedLine(text, times, tuple(values[at] for at in times))


def _divided(terms: Sequence[NamedLine], by: float, label: str) -> NamedLine:
    """Return the sum of lines at each of their times, divided by a number."""
    sums: dict[float, float] = {}
    for line in terms:
        for at, value in zip(line.times, line.values, strict=True):
            sums[at] = sums.get(at, 0.0) + value
    times = tuple(sorted(sums))
    return NamedLine(label, times, tuple(sums[at] / by for at in times))
