"""Known traffic has known values: in CloudWatch, in `/metrics`, and on the status page.

Its name makes it run after the tests that promote a version, and nothing else calls the model then.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cli.shared.demo_steps import MODEL, example_row
from evergreen.clock import utc_now
from evergreen.metrics.catalog import BY_METRIC, NAMESPACE, Metric
from evergreen.metrics.cloudwatch import dimensions
from evergreen.metrics.prometheus import prometheus_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cli.shared.target import Target

BATCHES = [1, 2, 3, 5] * 8
REFUSED = 5
REQUESTS = len(BATCHES) + REFUSED
ROWS = sum(BATCHES)
STATUS_TRIES = 5
PREDICT, GROUND_TRUTH = "/models/{model}/predict", "/models/{model}/ground-truth"
WANTED: dict[tuple[Metric, str | None], float] = {
    (Metric.REQUESTS, None): REQUESTS,
    (Metric.REQUESTS, PREDICT): REQUESTS - 1,
    (Metric.REQUESTS, GROUND_TRUTH): 1,
    (Metric.RESPONSES, "200"): len(BATCHES),
    (Metric.RESPONSES, "422"): REFUSED,
    (Metric.CLIENT_ERRORS, None): REFUSED,
    (Metric.SERVER_ERRORS, None): 0,
    (Metric.PREDICTIONS, None): ROWS,
    (Metric.BATCH_SIZE, None): ROWS,
}
"""Sums by metric and value of its second dimension."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What there was before the traffic: sums of the day, and the rows that the page shows."""

    began: datetime
    before: dict[tuple[Metric, str | None], float]
    shown: float


@pytest.fixture(scope="module")
def http(deployed: Target) -> Iterator[httpx.Client]:
    headers = {"x-api-key": deployed.api_key}
    with httpx.Client(base_url=deployed.api_url, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def traffic(deployed: Target, http: httpx.Client) -> Traffic:
    time.sleep(2)  # until the metrics of the tests before are there
    began = utc_now().replace(second=0, microsecond=0)
    sent = Traffic(began, sums(deployed), shown_rows(http, began))
    row = example_row()
    for size in BATCHES:
        answer = http.post(f"/models/{MODEL}/predict", json={"instances": [row] * size})
        assert answer.status_code == 200, answer.text
    bad: list[tuple[str, Any]] = [("predict", {"instances": []})] * (REFUSED - 1)
    for path, body in [*bad, ("ground-truth", [{"row": 0}])]:
        assert http.post(f"/models/{MODEL}/{path}", json=body).status_code == 422
    return sent


def statistics(
    deployed: Target, metric: Metric, by: str | None, since: datetime
) -> dict[str, float]:
    names = dimensions(BY_METRIC[metric])
    values = [MODEL] if by is None else [MODEL, by]
    points = deployed.client("cloudwatch").get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName=metric,
        Dimensions=[
            {"Name": name, "Value": value} for name, value in zip(names, values, strict=False)
        ],
        StartTime=since,
        EndTime=since + timedelta(days=1),
        Period=86_400,
        Statistics=["Sum", "SampleCount", "Minimum", "Maximum"],
    )["Datapoints"]
    return points[0] if points else {"Sum": 0.0, "SampleCount": 0.0}


def sums(deployed: Target) -> dict[tuple[Metric, str | None], float]:
    midnight = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    return {key: statistics(deployed, *key, midnight)["Sum"] for key in WANTED}


def settled[T](read: Callable[[], T], wanted: T, seconds: int) -> T:
    """Return what is read, as soon as it is what is wanted or the time is over."""
    give_up = time.monotonic() + seconds
    while (found := read()) != wanted and time.monotonic() < give_up:
        time.sleep(0.5)
    return found


def test_cloudwatch(deployed: Target, traffic: Traffic) -> None:
    def grown() -> dict[tuple[Metric, str | None], float]:
        return {key: total - traffic.before[key] for key, total in sums(deployed).items()}

    assert settled(grown, WANTED, seconds=10) == WANTED


def test_prometheus(deployed: Target, http: httpx.Client, traffic: Traffic) -> None:
    """`/metrics` has the sums of the day; an answer is kept for a minute.

    It has no totals of what has a second dimension, because Prometheus adds that up.
    """
    wanted = {
        series(metric, by): traffic.before[metric, by] + number
        for (metric, by), number in WANTED.items()
        if BY_METRIC[metric].kind == "counter" and (by or not BY_METRIC[metric].by)
    }

    def exported() -> dict[str, float]:
        lines = http.get("/metrics").text.splitlines()
        found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(found[name]) for name in wanted if name in found}

    assert settled(exported, wanted, seconds=75) == wanted


def series(metric: Metric, by: str | None) -> str:
    """A series as Prometheus' text format names it."""
    spec = BY_METRIC[metric]
    labels = {"model": MODEL} | ({spec.by: by} if spec.by and by else {})
    text = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return f"{prometheus_name(spec)}{{{text}}}"


def test_the_status_page(http: httpx.Client, traffic: Traffic) -> None:
    assert shown_rows(http, traffic.began) - traffic.shown == ROWS


def shown_rows(http: httpx.Client, since: datetime) -> float:
    """The predicted rows since a minute, as the page draws them."""
    (model,) = [each for each in read_status(http)["models"] if each["name"] == MODEL]
    chart = model["traffic"]
    assert chart["metric"] == Metric.PREDICTIONS
    start = datetime.fromisoformat(chart["start"]).astimezone(UTC)
    period = timedelta(seconds=chart["period_seconds"])
    values = enumerate(chart["values"])
    return sum(value or 0 for number, value in values if start + number * period >= since)


def read_status(http: httpx.Client) -> dict[str, Any]:
    """The status; on a busy machine AWS can be too slow for a part, which is then asked again."""
    for _ in range(STATUS_TRIES):
        answer = http.get("/status", params={"span": "1h"})
        assert answer.status_code == httpx.codes.OK, answer.text
        found: dict[str, Any] = answer.json()
        if not any(model["unread"] for model in found["models"]):
            break
    return found
