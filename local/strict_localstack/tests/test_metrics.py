"""CloudWatch finds the metric that was asked for, and no other whose dimensions begin alike."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from evergreen_strict_localstack.metrics import restore
from local.lambda_executor.tests.harness import wait_for

if TYPE_CHECKING:
    from local.lambda_executor.tests.harness import Emulator

COUNTS = {
    (): 1,
    (("model", "a"),): 38,
    (("model", "ab"),): 5,
    (("model", "A"),): 6,
    (("model", "a_c"),): 7,
    (("model", "axc"),): 8,
    (("model", "a=b"),): 9,
    (("endpoint", "/x"), ("model", "a")): 30,
    (("endpoint", "/xy"), ("model", "a")): 8,
    (("endpoint", "/x"), ("model", "a"), ("status", "200")): 28,
}


def dimensions(pairs: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in pairs]


@pytest.fixture(scope="module")
def cloudwatch(strict: Emulator) -> Any:
    client = strict.client("cloudwatch")
    # An alarm looks at the time before its creation, and looks again a whole period later.
    before = datetime.now(UTC) - timedelta(seconds=30)
    data = [
        {
            "Timestamp": before,
            "MetricName": "Requests",
            "Dimensions": dimensions(pairs),
            "Values": [1],
            "Counts": [count],
        }
        for pairs, count in COUNTS.items()
    ]
    client.put_metric_data(Namespace="Shop", MetricData=data)
    summary = {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 4}
    client.put_metric_data(
        Namespace="Shop",
        MetricData=[
            {"MetricName": "Summed", "StatisticValues": summary, "Unit": "Seconds"},
            {"MetricName": "Summed", "Value": 0, "Unit": "Seconds", "StorageResolution": 1},
        ],
    )
    return client


@pytest.fixture(scope="module")
def period() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"StartTime": now - timedelta(minutes=10), "EndTime": now + timedelta(minutes=10)}


def test_statistics_are_of_one_dimension_set(cloudwatch: Any, period: dict[str, Any]) -> None:
    found = {}
    for pairs in COUNTS:
        (point,) = cloudwatch.get_metric_statistics(
            Namespace="Shop",
            MetricName="Requests",
            Dimensions=dimensions(pairs[::-1]),
            Period=1200,
            Statistics=["Sum", "SampleCount"],
            **period,
        )["Datapoints"]
        assert point["Sum"] == point["SampleCount"]
        found[pairs] = point["Sum"]
    assert found == COUNTS


def test_metric_data_are_of_one_dimension_set(cloudwatch: Any, period: dict[str, Any]) -> None:
    stats = [
        {
            "Metric": {
                "Namespace": "Shop",
                "MetricName": "Requests",
                "Dimensions": dimensions(pairs),
            },
            "Period": 1200,
            "Stat": "Sum",
        }
        for pairs in COUNTS
    ]
    results = cloudwatch.get_metric_data(
        MetricDataQueries=[
            {"Id": f"m{number}", "MetricStat": stat} for number, stat in enumerate(stats)
        ],
        **period,
    )["MetricDataResults"]
    assert [result["Values"] for result in results] == [[count] for count in COUNTS.values()]


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ([{"Name": "model", "Value": "a"}], 4),
        ([{"Name": "model", "Value": "a"}, {"Name": "endpoint"}], 3),
        ([{"Name": "endpoint", "Value": "/x"}], 2),
        ([{"Name": "mod"}], 0),
        ([], len(COUNTS)),
    ],
)
def test_a_list_has_what_the_filters_name(
    cloudwatch: Any, filters: list[dict[str, str]], wanted: int
) -> None:
    found = cloudwatch.list_metrics(Namespace="Shop", MetricName="Requests", Dimensions=filters)
    assert len(found["Metrics"]) == wanted


def test_an_alarm_counts_one_dimension_set(cloudwatch: Any) -> None:
    def create(name: str, threshold: int) -> None:
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="Shop",
            MetricName="Requests",
            Dimensions=dimensions((("model", "a"),)),
            Statistic="Sum",
            Period=300,
            EvaluationPeriods=1,
            Threshold=threshold,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
        )

    create("exceeded", 37)
    create("kept", 38)

    def states() -> dict[str, str] | None:
        alarms = cloudwatch.describe_alarms(AlarmNames=["exceeded", "kept"])["MetricAlarms"]
        found = {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}
        return None if "INSUFFICIENT_DATA" in found.values() else found

    assert wait_for(states, "the alarms") == {"exceeded": "ALARM", "kept": "OK"}


def test_statistic_values_and_units(cloudwatch: Any, period: dict[str, Any]) -> None:
    (point,) = cloudwatch.get_metric_statistics(
        Namespace="Shop",
        MetricName="Summed",
        Period=1200,
        Statistics=["Sum", "SampleCount", "Minimum", "Maximum", "Average"],
        **period,
    )["Datapoints"]
    del point["Timestamp"]
    assert point == {
        "Sum": 10,
        "SampleCount": 5,
        "Minimum": 0,
        "Maximum": 4,
        "Average": 2,
        "Unit": "Seconds",
    }


def test_a_value_with_an_equals_sign_is_restored() -> None:
    assert restore("a=b=c\tmodel=x\t") == dimensions((("a", "b=c"), ("model", "x")))
    assert restore(None) is None


def test_values_of_a_period_are_found_by_an_index(strict: Emulator, cloudwatch: Any) -> None:
    (file,) = strict.folder.rglob("metrics.db")
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT value FROM SINGLE_METRICS WHERE account_id = 'a' AND "
            "region = 'r' AND namespace = 'n' AND metric_name = 'm' AND dimensions = 'd' AND "
            "timestamp >= 1 AND timestamp < 2"
        ).fetchall()
    assert "timestamp>? AND timestamp<?" in plan[0][-1]
