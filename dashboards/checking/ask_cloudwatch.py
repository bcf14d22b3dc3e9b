"""CloudWatch backend: runs queries as Grafana's data source translates them.

LocalStack's CloudWatch computes neither percentiles nor expressions (metric math, and the SEARCH
that a wildcard becomes). On LocalStack a percentile is replaced by Maximum, a wildcard by the
metrics that it matches, and metric math by its input queries. Each answer names its replacement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from dashboards.checking.answers import QueryAnswer, QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef, MetricTypeDef

    from dashboards.checking.provisioned import Queries, QueryTarget

_ANY = "*"
_REFUSALS = {"InternalError", "InternalFailure"}


class CloudWatchBackend:
    """Answers queries from CloudWatch.

    Parameters
    ----------
    client
        A boto3 CloudWatch client.
    start, end
        The time range of the queries.
    emulator
        Whether it is an emulator: then a query may be replaced by one that it can answer.
    """

    def __init__(
        self, client: CloudWatchClient, start: datetime, end: datetime, *, emulator: bool
    ) -> None:
        self._client = client
        self._start = start
        self._end = end
        self._emulator = emulator

    def values(self, query: QueryTarget) -> list[str]:
        """Return the values of the variable's dimension."""
        found = self._metrics(query["namespace"], query["metricName"], {})
        values = {
            dimension["Value"]
            for metric in found
            for dimension in metric.get("Dimensions", [])
            if dimension["Name"] == query["dimensionKey"]
        }
        return sorted(values)

    def answer(self, queries: Queries) -> list[QueryAnswer]:
        """Run all queries of one panel, variable, annotation or alert rule.

        Raises
        ------
        QueryError
            If CloudWatch refuses one.
        """
        try:
            if queries.kind == "variable":
                return [self._variable(target) for target in queries.targets]
            if queries.kind == "annotation":
                return [self._annotation(target) for target in queries.targets]
            return self._data(queries.targets)
        except ClientError as error:
            raise QueryError(str(error), where=queries.place) from error

    def _variable(self, target: QueryTarget) -> QueryAnswer:
        name = target["metricName"]
        asks = f"values of {target['dimensionKey']} of {name}"
        return QueryAnswer(target["refId"], asks, (name,), len(self.values(target)))

    def _annotation(self, target: QueryTarget) -> QueryAnswer:
        """Find the alarms whose history Grafana would show; at least one must exist."""
        found = self._client.describe_alarms_for_metric(
            Namespace=target["namespace"],
            MetricName=target["metricName"],
            Statistic=target["statistic"],
            Period=int(target["period"]),
            Dimensions=[{"Name": k, "Value": v} for k, v in target["dimensions"].items()],
        )["MetricAlarms"]
        for alarm in found:
            if self._emulator:  # LocalStack fails on date parameters once there is any history
                self._client.describe_alarm_history(AlarmName=alarm["AlarmName"])
            else:
                self._client.describe_alarm_history(
                    AlarmName=alarm["AlarmName"], StartDate=self._start, EndDate=self._end
                )
        # These are alarms and not values, so no metric's exception allows that there is none.
        asks = f"alarms on {target['metricName']}"
        instead = "their whole history" if self._emulator and found else ""
        return QueryAnswer(target["refId"], asks, (), len(found), instead)

    def _data(self, targets: Sequence[QueryTarget]) -> list[QueryAnswer]:
        if self._emulator:
            return [self._ask_emulator(target, targets) for target in targets]
        counts = self._count([_query(target) for target in targets])
        return [
            QueryAnswer(
                target["refId"], _asks(target), _metrics(target, targets), counts[_id(target)]
            )
            for target in targets
        ]

    def _ask_emulator(self, target: QueryTarget, targets: Sequence[QueryTarget]) -> QueryAnswer:
        metrics = _metrics(target, targets)
        if target.get("expression") and "metricName" not in target:
            inputs = [one for one in targets if not one.get("expression")]
            values = sum(self._ask_emulator(one, targets).values for one in inputs)
            return QueryAnswer(target["refId"], _asks(target), metrics, values, "its inputs")
        instead = ["no search"] if target.get("expression") else []
        statistic = target["statistic"]
        if statistic.startswith("p"):
            instead.append(f"Maximum for {statistic}")
            statistic = "Maximum"
        fixed, free = _split(target)
        series: list[MetricTypeDef] = [_metric(target, fixed)]
        if free:
            instead.append(f"each metric for {', '.join(free)}={_ANY}")
            names = {*fixed, *free}
            series = [
                metric
                for metric in self._metrics(target["namespace"], target["metricName"], fixed)
                if {dimension["Name"] for dimension in metric["Dimensions"]} == names
            ]
        asked = [
            _stat(f"q{number}", metric, statistic, target) for number, metric in enumerate(series)
        ]
        values = sum(self._count(asked).values()) if asked else 0
        return QueryAnswer(target["refId"], _asks(target), metrics, values, ", ".join(instead))

    def _count(self, queries: list[MetricDataQueryTypeDef]) -> dict[str, int]:
        counts = {query["Id"]: 0 for query in queries}
        pages = self._client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=self._start, EndTime=self._end
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                if result.get("StatusCode") in _REFUSALS:
                    raise QueryError(f"CloudWatch answers {result['StatusCode']}")
                counts[result["Id"]] += len(result["Values"])
        return counts

    def _metrics(self, namespace: str, name: str, fixed: dict[str, str]) -> list[MetricTypeDef]:
        pages = self._client.get_paginator("list_metrics").paginate(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": k, "Value": v} for k, v in fixed.items()],
        )
        return [cast("MetricTypeDef", metric) for page in pages for metric in page["Metrics"]]


def _query(target: QueryTarget) -> MetricDataQueryTypeDef:
    """Translate a query as Grafana does: a wildcard becomes a search."""
    expression = target.get("expression")
    fixed, free = _split(target)
    if not expression and free:
        names = ",".join(f'"{name}"' for name in sorted([*fixed, *free]))
        terms = [f'MetricName="{target["metricName"]}"']
        terms += [f'"{name}"="{value}"' for name, value in fixed.items()]
        schema = f'{{"{target["namespace"]}",{names}}} {" AND ".join(terms)}'
        expression = f"SEARCH('{schema}', '{target['statistic']}', {target['period']})"
    if expression:
        return {"Id": _id(target), "Expression": expression, "Period": int(target["period"])}
    return _stat(_id(target), _metric(target, fixed), target["statistic"], target)


def _metric(target: QueryTarget, dimensions: dict[str, str]) -> MetricTypeDef:
    return {
        "Namespace": target["namespace"],
        "MetricName": target["metricName"],
        "Dimensions": [{"Name": k, "Value": v} for k, v in dimensions.items()],
    }


def _stat(
    name: str, metric: MetricTypeDef, statistic: str, target: QueryTarget
) -> MetricDataQueryTypeDef:
    stat: Any = {"Metric": metric, "Period": int(target["period"]), "Stat": statistic}
    return {"Id": name, "MetricStat": stat}


def _split(target: QueryTarget) -> tuple[dict[str, str], list[str]]:
    """Return the dimensions with one value, and the names of those that match any value."""
    dimensions = {
        name: values if isinstance(values, str) else values[0]
        for name, values in (target.get("dimensions") or {}).items()
    }
    fixed = {name: value for name, value in dimensions.items() if value != _ANY}
    return fixed, [name for name, value in dimensions.items() if value == _ANY]


def _id(target: QueryTarget) -> str:
    return target.get("id") or f"query{target['refId']}"


def _metrics(target: QueryTarget, targets: Sequence[QueryTarget]) -> tuple[str, ...]:
    if "metricName" in target:
        return (target["metricName"],)
    return tuple(one["metricName"] for one in targets if "metricName" in one)


def _asks(target: QueryTarget) -> str:
    if target.get("expression"):
        return str(target["expression"])
    return f"{target['metricName']} {target['statistic']}"
