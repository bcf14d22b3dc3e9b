"""A real Prometheus holds every metric that the deployed app emits, after real traffic."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

from cli.shared.demo_steps import MODEL, MODELS, example_row
from cli.shared.loop_observation import Loop
from cli.shared.progress import Steps
from cli.shared.traffic import Api
from evergreen.deployment.by_hand import train_and_promote
from evergreen.metrics.catalog import SPECS, Metric
from evergreen.metrics.cloudwatch import Series, dimensions, find_series
from evergreen.metrics.prometheus import prometheus_name
from evergreen.model_definition import find_definition
from models.flight_delay.data import load_flights
from tests.support.prometheus_server import (
    address,
    ask,
    need_prometheus,
    select,
    wait,
    wait_until_none_is_left,
)

if TYPE_CHECKING:
    from cli.shared.target import Target
    from local.stack import Stack

PATIENCE = 240.0
"""Seconds to wait for a drift check and a scrape; both run once or twice a minute."""


@pytest.fixture(scope="module")
def prometheus(local_stack: Stack) -> str:
    need_prometheus()
    return address(local_stack.settings, "prometheus")


@dataclass(frozen=True, slots=True)
class Traffic:
    """The sent rows, and the counter's value before."""

    rows_before: float
    rows: int


@pytest.fixture(scope="module")
def traffic(deployed: Target, prometheus: str) -> Traffic:
    """Promote a model if none is in production, predict, and send one refused request."""
    definition = find_definition(MODELS, MODEL)
    loop = Loop(deployed, definition)
    if loop.pointer() is None:
        flights = load_flights([1, 2], 0.1)
        with Steps() as steps, steps.step("train", "Train") as say:
            train_and_promote(deployed, definition, MODELS / MODEL, flights, "flights", say)
    pointer = loop.pointer()
    assert pointer is not None
    with Api.of(deployed) as api:
        loop.wait_until_serving(api, pointer.version)
        before = wait(
            lambda: settled(prometheus, f'evergreen_predictions_total{{model="{MODEL}"}}'),
            seconds=PATIENCE,
            what="nothing of the tests before is still on its way",
        )
        sizes = (1, 2, definition.drift.min_rows or 200)
        for rows in sizes:
            api.predict(MODEL, {"instances": [example_row()] * rows})
    refused = httpx.post(
        f"{deployed.api_url}/models/{MODEL}/predict",
        json={"instances": [{}]},
        headers={"x-api-key": deployed.api_key},
        timeout=60,
    )
    assert refused.status_code == 422
    return Traffic(before, sum(sizes))


def settled(prometheus: str, counter: str) -> float | None:
    """Return the value of a counter after three equal scrapes."""
    enough = 'on() count_over_time(up{job="evergreen"}[100s]) >= 3'
    found = select(prometheus, f"({counter} unless changes({counter}[100s]) > 0) and {enough}")
    return float(found[0]["value"][1]) if found else None


def held(prometheus: str, series: Series) -> bool:
    """Return whether Prometheus holds all series for one metric of CloudWatch."""
    labels = zip(dimensions(series.spec), series.values, strict=True)
    chosen = ",".join(f"{name}={json.dumps(value)}" for name, value in labels)
    endings = ("_sum", "_count") if series.spec.kind == "distribution" else ("",)
    names = [prometheus_name(series.spec) + ending for ending in endings]
    return all(ever(prometheus, f"{name}{{{chosen}}}") for name in names)


def ever(prometheus: str, selector: str) -> bool:
    return bool(ask(prometheus, "/api/v1/series", **{"match[]": selector})["data"])


def test_every_metric_of_the_table_arrives(
    traffic: Traffic, deployed: Target, prometheus: str
) -> None:
    client = deployed.client("cloudwatch")

    def emitted() -> set[Metric]:
        return {each.spec.metric for each in find_series(client) if MODEL in each.values}

    # Metrics of failures and retrainings exist too. They are 0 before the first event.
    def missing() -> set[Metric]:
        selector = f'{{model="{MODEL}"}}'
        return {
            spec.metric
            for spec in SPECS
            if spec.emitter != "gateway"  # what it refuses reaches no model
            for ending in (("_count",) if spec.kind == "distribution" else ("",))
            if not ever(prometheus, prometheus_name(spec) + ending + selector)
        }

    wait_until_none_is_left(missing, seconds=PATIENCE)
    predicts = {spec.metric for spec in SPECS if spec.emitter == "predict"}
    exceptional = {Metric.MODEL_LOAD_FAILURES, Metric.LOG_SPILLS, Metric.SERVER_ERRORS}
    assert predicts - exceptional <= emitted()


def test_every_series_of_cloudwatch_is_a_series_of_prometheus(
    traffic: Traffic, deployed: Target, prometheus: str
) -> None:
    found = find_series(deployed.client("cloudwatch"))
    assert len(found) > len(SPECS) / 2
    wait_until_none_is_left(
        lambda: [series for series in found if not held(prometheus, series)], seconds=PATIENCE
    )


def test_the_counter_counts_exactly_the_rows(traffic: Traffic, prometheus: str) -> None:
    counter = f'evergreen_predictions_total{{model="{MODEL}"}}'
    expected = traffic.rows_before + traffic.rows
    wait(
        lambda: select(prometheus, f"{counter} >= {expected}") or None,
        seconds=PATIENCE,
        what=f"{counter} is {expected}",
    )
    (series,) = select(prometheus, counter)
    assert float(series["value"][1]) == expected


def test_the_recording_rules_have_values(traffic: Traffic, prometheus: str) -> None:
    rules = ask(prometheus, "/api/v1/rules", type="record")["data"]["groups"]
    names = [rule["name"] for group in rules for rule in group["rules"]]
    assert names
    wait_until_none_is_left(
        lambda: [name for name in names if not ever(prometheus, f'{name}{{model="{MODEL}"}}')],
        seconds=PATIENCE,
    )
    faulty = [each for group in rules for each in group["rules"] if each["health"] != "ok"]
    assert faulty == []


def test_without_the_key_nothing_is_told(deployed: Target) -> None:
    with httpx.Client(base_url=deployed.api_url, timeout=60) as client:
        assert client.get("/metrics").status_code == 403
        guess = {"Authorization": "Bearer guess"}
        assert client.get("/metrics", headers=guess).status_code == 403
        answer = client.get("/metrics", headers={"x-api-key": deployed.api_key})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
