"""Bad input to the deployed functions through API Gateway.

These tests run before the first promotion. That is a state to test, too.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cli.shared.cdk_deployment import publish_routes
from cli.shared.function_logs import find_log_group, log_groups, read_events
from evergreen.clock import utc_now
from evergreen.metrics.values import read_metric_values
from evergreen.production import Production

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.shared.target import Target


PREDICT = "/models/flight_delay/predict"
FLIGHT: dict[str, Any] = {
    "distance": 1400,
    "departure_minute": 900,
    "weekday": 3,
    "temp": 39.0,
    "dewp": 26.1,
    "humid": 59.4,
    "wind_speed": 10.4,
    "precip": 0.0,
    "pressure": None,
    "visib": 10.0,
    "carrier": "UA",
    "origin": "EWR",
    "dest": "IAH",
}


@pytest.fixture(scope="module")
def api(deployed: Target) -> Iterator[httpx.Client]:
    headers = {"x-api-key": deployed.api_key}
    with httpx.Client(base_url=deployed.api_url, headers=headers, timeout=60) as client:
        yield client


def _problem(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"].startswith("application/problem+json")
    problem: dict[str, Any] = response.json()
    assert problem["status"] == response.status_code
    assert problem["title"]
    return problem


def test_without_a_production_model_the_answer_is_503(api: httpx.Client, deployed: Target) -> None:
    pointer = Production("dev", deployed.client("ssm")).read("flight_delay")
    assert pointer is None, "this needs a deployment in which nothing was promoted yet"
    response = api.post(PREDICT, json={"instances": [FLIGHT]})
    assert response.status_code == 503
    assert "promote" in _problem(response)["detail"]


def test_an_unknown_model_is_404_and_named(api: httpx.Client) -> None:
    for method, path in (("POST", "/models/nope/predict"), ("GET", "/models/nope")):
        response = api.request(method, path, json={"instances": [FLIGHT]})
        assert response.status_code == 404
        assert "nope" in _problem(response)["detail"]


def test_a_body_that_is_not_json_is_400(api: httpx.Client) -> None:
    response = api.post(PREDICT, content=b"{half", headers={"content-type": "application/json"})
    assert response.status_code == 400
    _problem(response)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"distance": "far"}, "instances[1].distance"),
        ({"distance": None}, "instances[1].distance"),
        ({"colour": "red"}, "instances[1].colour"),
        ({"weekday": 1.5}, "instances[1].weekday"),
        ({"carrier": 7}, "instances[1].carrier"),
    ],
)
def test_a_wrong_feature_is_422_with_its_path(
    api: httpx.Client, change: dict[str, Any], path: str
) -> None:
    response = api.post(PREDICT, json={"instances": [FLIGHT, {**FLIGHT, **change}]})
    assert response.status_code == 422
    assert [fault["path"] for fault in _problem(response)["errors"]] == [path]


def test_a_missing_feature_is_422_with_its_path(api: httpx.Client) -> None:
    incomplete = {name: value for name, value in FLIGHT.items() if name != "dest"}
    response = api.post(PREDICT, json={"instances": [incomplete]})
    assert response.status_code == 422
    assert [fault["path"] for fault in _problem(response)["errors"]] == ["instances[0].dest"]


def test_ground_truth_is_checked_too(api: httpx.Client) -> None:
    response = api.post("/models/flight_delay/ground-truth", json=[{"label": 1}])
    assert response.status_code == 422
    assert _problem(response)["errors"][0]["path"] == "$[0].request_id"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"row": 9223372036854775808}, "row"),
        ({"row": 0.7}, "row"),
        ({"observed_at": "0001-01-01T00:00:00+14:00"}, "observed_at"),
        ({"observed_at": "9999-12-31T23:59:59Z"}, "observed_at"),
        ({"label": [[[1]]]}, "label"),
        ({"request_id": "an-id-of-my-own"}, "request_id"),
    ],
)
def test_one_bad_label_refuses_the_good_ones_beside_it(
    api: httpx.Client, change: dict[str, Any], field: str
) -> None:
    good = {"request_id": "6f2c1a34-0d8e-4f0c-9a56-2b1f7c3d9e80", "label": 1}
    response = api.post("/models/flight_delay/ground-truth", json=[good, good | change])
    assert response.status_code == 422
    assert [each["path"] for each in _problem(response)["errors"]] == [f"$[1].{field}"]


def test_a_caller_without_the_key_is_refused(deployed: Target) -> None:
    response = httpx.post(deployed.api_url + PREDICT, json={"instances": [FLIGHT]})
    assert response.status_code == 403


def test_a_stage_that_a_redeployment_lost_is_published_again(
    api: httpx.Client, deployed: Target
) -> None:
    gateway = deployed.client("apigateway")
    stage = {"restApiId": deployed.output("RestApiId"), "stageName": deployed.output("ApiStage")}
    gateway.delete_stage(**stage)
    try:
        assert api.get("/ping").status_code != 200
    finally:
        publish_routes(deployed)
    assert api.get("/ping").status_code == 200
    assert httpx.get(f"{deployed.api_url}/models", timeout=60).status_code == 403


@pytest.mark.parametrize("path", ["/ping", "/v2/health/live", "/openapi.json", "/docs", "/models"])
def test_what_speaks_of_all_models_answers(api: httpx.Client, path: str) -> None:
    response = api.get(path)
    assert response.status_code == 200
    assert response.content


def test_what_a_function_logged_and_measured_is_read_by_the_command_line(
    api: httpx.Client, deployed: Target
) -> None:
    began = utc_now()
    assert api.post(PREDICT, content=b"{").status_code == 400
    group = find_log_group(log_groups(deployed), "predict-flight-delay")

    def found() -> bool:
        client = deployed.client("cloudwatch")
        values = read_metric_values(client, "flight_delay", "1h", utc_now())
        refused = any((each.metric, each.by) == ("Responses", "400") for each in values)
        return refused and any(read_events(deployed, group, began, None, follow=False))

    deadline = time.monotonic() + 30
    while not found():  # the executor writes both after the answer
        assert time.monotonic() < deadline
        time.sleep(1)
