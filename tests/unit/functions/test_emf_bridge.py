"""Embedded-metric lines, as Powertools writes them, become metric data."""

from __future__ import annotations

import json

import pytest
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from functions.emf_bridge.handler import MAX_VALUES, metric_data


def test_what_powertools_writes_is_read_back() -> None:
    metrics = EphemeralMetrics(namespace="Evergreen", service="predict")
    metrics.add_dimension("model", "m")
    for value in (1.5, 2.5):
        metrics.add_metric("InferenceTime", MetricUnit.Milliseconds, value)
    line = json.dumps(metrics.serialize_metric_set())
    [(namespace, datum)] = list(metric_data(line))
    assert namespace == "Evergreen"
    assert datum["MetricName"] == "InferenceTime"
    assert datum.get("Values") == [1.5, 2.5]
    assert datum.get("Unit") == "Milliseconds"
    assert {"Name": "model", "Value": "m"} in datum.get("Dimensions", [])


def test_more_values_than_one_datum_takes_are_split() -> None:
    body = {
        "_aws": {
            "Timestamp": 1_700_000_000_000,
            "CloudWatchMetrics": [
                {"Namespace": "N", "Dimensions": [["d"]], "Metrics": [{"Name": "v"}]}
            ],
        },
        "d": "x",
        "v": list(range(MAX_VALUES + 1)),
    }
    sizes = [len(datum.get("Values", [])) for _, datum in metric_data(json.dumps(body))]
    assert sizes == [MAX_VALUES, 1]


@pytest.mark.parametrize("line", ["START RequestId", '{"_aws": 1}', '{"_aws"', '{"a": "_aws"}'])
def test_other_lines_yield_nothing(line: str) -> None:
    assert list(metric_data(line)) == []
