"""Clients of other servers through the deployed API: the gateway damages none of their bodies."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import httpx
import numpy as np
import pytest
import tritonclient.http as triton

from cli.shared.demo_steps import MODEL, MODELS, example_row
from cli.shared.traffic import Api
from evergreen.capture.request_log import is_request_id
from evergreen.model_definition import find_definition
from tests.support.serving_flights import wait_until_flights_serve

if TYPE_CHECKING:
    from cli.shared.target import Target

_TENSORS = {
    "float": (np.float32, "FP32"),
    "integer": (np.int64, "INT64"),
    "boolean": (np.bool_, "BOOL"),
    "category": (np.object_, "BYTES"),
}


@pytest.fixture(scope="module")
def row() -> dict[str, Any]:
    return example_row()


@pytest.fixture(scope="module")
def prediction(deployed: Target, row: dict[str, Any]) -> Any:
    with Api.of(deployed) as api:
        wait_until_flights_serve(deployed, api)
        return api.predict(MODEL, {"instances": [row]})["predictions"][0]


@pytest.mark.parametrize("accept", ["application/octet-stream", "*/*"])
def test_binary_tensors_of_tritons_client(
    deployed: Target, row: dict[str, Any], prediction: Any, accept: str
) -> None:
    inputs = []
    for name, feature in find_definition(MODELS, MODEL).features.items():
        kind, datatype = _TENSORS[feature.type]
        tensor = triton.InferInput(name, [1], datatype)
        tensor.set_data_from_numpy(np.array([row[name]], dtype=kind))
        inputs.append(tensor)
    headers = {
        "x-api-key": deployed.api_key,
        "content-type": "application/octet-stream",
        "accept": accept,
    }
    place = urlsplit(deployed.api_url)
    with triton.InferenceServerClient(f"{place.netloc}{place.path.rstrip('/')}") as client:
        answer = client.infer(MODEL, inputs, headers=headers)
    (label,) = answer.as_numpy("predictions").tolist()
    assert ("data" in answer.get_output("predictions")) is (accept == "*/*")
    assert (label.decode() if isinstance(label, bytes) else label) == prediction


def test_csv_of_sagemakers_client(deployed: Target, row: dict[str, Any], prediction: Any) -> None:
    runtime = boto3.client(
        "sagemaker-runtime",
        endpoint_url=deployed.api_url.rstrip("/"),
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    runtime.meta.events.register(
        "before-send.sagemaker-runtime",
        lambda request, **_: request.headers.update({"x-api-key": deployed.api_key}),
    )
    text = io.StringIO()
    csv.writer(text).writerow(row.values())
    answer = runtime.invoke_endpoint(
        EndpointName=MODEL, Body=text.getvalue(), ContentType="text/csv", Accept="text/csv"
    )
    assert answer["Body"].read().decode().strip() == str(prediction)
    assert is_request_id(json.loads(answer["CustomAttributes"])["request_id"])


def test_a_packed_body_and_kserves_first_protocol(
    deployed: Target, row: dict[str, Any], prediction: Any
) -> None:
    headers = {
        "x-api-key": deployed.api_key,
        "content-type": "application/json",
        "content-encoding": "gzip",
    }
    body = gzip.compress(json.dumps({"instances": [row]}).encode())
    address = f"{deployed.api_url.rstrip('/')}/v1/models/{MODEL}:predict"
    answer = httpx.post(address, content=body, headers=headers, timeout=60).raise_for_status()
    assert answer.json()["predictions"] == [prediction]
    assert answer.headers["x-content-type-options"] == "nosniff"
