"""Embedded-metric lines become metric data, all of them and each value once."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Any

import pytest
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricResolution, MetricUnit

from evergreen_lambda_executor import metrics
from evergreen_lambda_executor.metrics import MetricWriter, Place, metric_data, read_line

NOON = 1_700_000_000_000


def line(
    values: dict[str, Any],
    dimensions: list[list[str]] | None = None,
    namespace: str = "Shop",
    **metric: Any,
) -> str:
    """A line with one directive whose metrics are all members that are not dimensions."""
    sets = [["shop"]] if dimensions is None else dimensions
    named = {name for names in sets for name in names}
    directive = {
        "Namespace": namespace,
        "Dimensions": sets,
        "Metrics": [{"Name": name, **metric} for name in values if name not in named],
    }
    head = {"Timestamp": NOON, "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": head, "shop": "a", **values})


def test_what_powertools_writes_is_read_back() -> None:
    written = EphemeralMetrics(namespace="Evergreen", service="predict")
    written.add_dimension("model", "m")
    for value in (1.5, 2.5):
        written.add_metric("Time", MetricUnit.Milliseconds, value, resolution=MetricResolution.High)
    document = written.serialize_metric_set()
    [(namespace, series, values)] = read_line(json.dumps(document))
    assert (namespace, series.name, values) == ("Evergreen", "Time", [1.5, 2.5])
    assert (series.unit, series.resolution) == ("Milliseconds", 1)
    assert ("model", "m") in series.dimensions
    assert series.timestamp == document["_aws"]["Timestamp"]


def test_each_dimension_set_is_a_series() -> None:
    found = list(read_line(line({"v": 1, "kind": 7}, [[], ["shop"], ["shop", "kind"]])))
    assert [series.dimensions for _, series, _ in found] == [
        (),
        (("shop", "a"),),
        (("shop", "a"), ("kind", "7")),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "START RequestId",
        '{"_aws": 1}',
        '{"_aws"',
        '{"a": "_aws"}',
        '["_aws"]',
        line({"v": "text"}),
        line({"v": True}),
        line({"v": []}),
        line({"v": [1, None]}),
        line({"v": 1}, [["missing"]]),
        line({"v": 1}).replace(str(NOON), "null"),
    ],
)
def test_other_lines_yield_nothing(text: str) -> None:
    assert list(read_line(text)) == []


def test_more_values_than_one_datum_takes_are_split() -> None:
    [(_, series, _)] = read_line(line({"v": 1}))
    count = metrics.MAX_VALUES + 1
    data = list(metric_data({series: Counter(range(count))}))
    assert [len(datum["Values"]) for datum in data] == [metrics.MAX_VALUES, 1]
    assert sum(sum(datum["Values"]) for datum in data) == sum(range(count))
    assert {datum["Timestamp"].timestamp() for datum in data} == {NOON / 1000}


class Store:
    """CloudWatch, which may refuse."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.calls: list[tuple[Place, list[dict[str, Any]]]] = []
        self.called = threading.Event()

    def put(self, place: Place, data: list[dict[str, Any]]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ConnectionError("not now")
        self.calls.append((place, data))
        self.called.set()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "COLLECTING", 0.02)
    monkeypatch.setattr(metrics, "PAUSES", (0.0, 0.0))


def test_many_lines_are_few_calls_and_each_value_is_counted() -> None:
    store = Store()
    writer = MetricWriter(store.put)

    def invoke() -> None:
        for number in range(50):
            writer.take("0", "r", [line({"v": [number, 0.5], "w": 1})])

    threads = [threading.Thread(target=invoke) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.stop()
    total: Counter[tuple[str, float]] = Counter()
    for place, data in store.calls:
        assert place == Place("0", "r", "Shop")
        for datum in data:
            for value, count in zip(datum["Values"], datum["Counts"], strict=True):
                total[datum["MetricName"], value] += count
    assert total == Counter(
        {("v", number): 4 for number in range(50)} | {("v", 0.5): 200, ("w", 1): 200}
    )
    assert len(store.calls) < 50


def test_a_call_has_at_most_a_thousand_data_of_one_place() -> None:
    store = Store()
    writer = MetricWriter(store.put)
    writer.take("0", "r", [line({f"v{number}": 1 for number in range(1500)})])
    writer.take("0", "r", [line({"v": 1}, namespace="Other")])
    writer.take("1", "r", [line({"v": 1})])
    writer.stop()
    # The writer may begin before all is there, so only the sum of its calls is known.
    found: Counter[tuple[str, str]] = Counter()
    for place, data in store.calls:
        assert len(data) <= 1000
        found[place.account, place.namespace] += len(data)
    assert found == {("0", "Other"): 1, ("0", "Shop"): 1500, ("1", "Shop"): 1}


def test_a_refused_call_is_tried_again_and_then_given_up(caplog: pytest.LogCaptureFixture) -> None:
    store = Store(refusals=2)
    writer = MetricWriter(store.put)
    writer.take("0", "r", [line({"v": 1})])
    assert store.called.wait(5)
    store.refusals = 3
    writer.take("0", "r", [line({"lost": 1})])
    while store.refusals:
        store.called.wait(0.001)
    store.called.clear()
    writer.take("0", "r", [line({"kept": 1})])
    assert store.called.wait(5)
    writer.stop()
    names = [datum["MetricName"] for _, data in store.calls for datum in data]
    assert names == ["v", "kept"]
    assert "1 metric data" in caplog.text
    assert "not now" in caplog.text
