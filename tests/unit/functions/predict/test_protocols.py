"""Clients that people already use, unchanged, against the prediction function over HTTP."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import numpy as np
import pandas as pd
import pytest
import tritonclient.http as triton
from botocore.config import Config
from botocore.exceptions import ClientError
from mlflow.deployments import get_deploy_client
from mlflow.pyfunc.scoring_server import client as mlflow_client
from requests import HTTPError
from tritonclient.utils import InferenceServerException

from evergreen.bundle.predictor import Predictor
from evergreen.bundle.store import load_bundle
from evergreen.capture.request_log import is_request_id
from functions.describe_api.routes import router as describing
from functions.predict.handler import app
from functions.predict.protocols import ROUTERS
from functions.shared.api import create_api
from tests.support.served_over_http import served
from tests.support.trained_models import ROW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.aws_in_process import Account

ROWS = [
    ROW,
    {"wind": None, "stops": 3, "line": "S7", "express": True},
    {"wind": -1.25, "stops": 40, "line": None, "express": False},
]


@pytest.fixture
def port(promoted: Account) -> Iterator[int]:
    with served(app) as port:
        yield port


@pytest.fixture
def expected(port: int) -> dict[str, Any]:
    """The answer of the service's own route."""
    address = f"http://127.0.0.1:{port}/models/late_bus/predict?probabilities=true"
    answer: dict[str, Any] = httpx.post(address, json={"instances": ROWS}).json()
    assert len(set(answer["predictions"])) > 1
    return answer


def test_mlflows_scoring_client(port: int, expected: dict[str, Any]) -> None:
    client: Any = mlflow_client.ScoringServerClient("127.0.0.1", port)  # type: ignore[no-untyped-call]
    client.url_prefix += "/models/late_bus"
    client.ping()
    assert client.get_version() == "1.2.3"
    frame = pd.DataFrame(ROWS)  # it sends the missing wind as a bare NaN
    frame["line"] = frame["line"].astype(object)
    answer = client.invoke(frame, params={"temperature": 1})
    assert answer.get_predictions()[0].tolist() == expected["predictions"]
    content = json.loads(answer.to_json())
    assert content["warnings"] == ["params.temperature was ignored: this model takes no parameters"]
    assert client.invoke([ROW]).get_predictions()[0].tolist() == expected["predictions"][:1]
    text = frame.to_csv(index=False)
    answered = httpx.post(
        f"{client.url_prefix}/invocations", content=text, headers={"content-type": "text/csv"}
    )
    assert answered.json()["predictions"] == expected["predictions"]


def test_mlflows_client_of_deployments(
    port: int, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", f"http://127.0.0.1:{port}")
    client: Any = get_deploy_client("sagemaker:/eu-central-1")  # type: ignore[no-untyped-call]
    frame = pd.DataFrame(ROWS)
    frame["line"] = frame["line"].astype(object)
    for params in (None, {"temperature": 1}):
        answer = client.predict("late_bus", frame, params=params)
        assert answer.get_predictions()[0].tolist() == expected["predictions"]


def test_mlflows_client_of_a_gateway(promoted: Account, expected: dict[str, Any]) -> None:
    api = create_api()
    for router in (*ROUTERS, describing):
        api.include_router(router)
    with served(api) as port:
        address = f"http://127.0.0.1:{port}"
        client: Any = get_deploy_client(address)  # type: ignore[no-untyped-call]
        [listed] = client.list_endpoints()
        assert listed == client.get_endpoint("late_bus")
        assert listed.endpoint_url == f"{address}/endpoints/late_bus/invocations"
        frame = json.loads(pd.DataFrame(ROWS).to_json(orient="split", index=False))
        answer = client.predict(endpoint="late_bus", inputs={"dataframe_split": frame})
        assert answer["predictions"] == expected["predictions"]
        with pytest.raises(HTTPError, match="404"):
            client.get_endpoint("other")


class TestSageMakersRuntime:
    """boto3's client, whose endpoint is the API."""

    @pytest.fixture
    def runtime(self, port: int) -> Any:
        return boto3.client(
            "sagemaker-runtime",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="eu-central-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(retries={"total_max_attempts": 1}),
        )

    @pytest.mark.parametrize("accept", ["text/csv", "application/jsonlines", "application/json"])
    @pytest.mark.parametrize("kind", ["text/csv", "application/jsonlines", "application/json"])
    def test_it_invokes_the_endpoint(
        self, runtime: Any, expected: dict[str, Any], kind: str, accept: str
    ) -> None:
        lines = io.StringIO()
        csv.writer(lines).writerows(list(row.values()) for row in ROWS)
        bodies = {
            "text/csv": lines.getvalue(),
            "application/jsonlines": "\n".join(json.dumps(row) for row in ROWS),
            "application/json": json.dumps({"instances": ROWS}),
        }
        answer = runtime.invoke_endpoint(
            EndpointName="late_bus",
            Body=bodies[kind],
            ContentType=kind,
            Accept=accept,
            InferenceId="mine",
        )
        assert answer["ContentType"].split(";")[0] == accept
        assert answer["InvokedProductionVariant"] == "version-1"
        assert is_request_id(json.loads(answer["CustomAttributes"])["request_id"])
        text = answer["Body"].read().decode()
        if accept == "text/csv":
            found = text.splitlines()
        elif accept == "application/jsonlines":
            found = [json.loads(line)["prediction"] for line in text.splitlines()]
        else:
            found = json.loads(text)["predictions"]
            assert json.loads(text)["id"] == "mine"
        assert found == expected["predictions"]

    def test_lines_have_their_warnings_in_the_attributes_as_far_as_they_fit(
        self, runtime: Any
    ) -> None:
        def ask(request: Any, **_: object) -> None:
            request.url += "?extra=ignore"

        runtime.meta.events.register("before-sign.sagemaker-runtime", ask)

        def warned(header: str) -> list[str]:
            answer = runtime.invoke_endpoint(
                EndpointName="late_bus",
                Body=f"{header},stops,line,express\n7,12,N\x7f9,false\n",
                ContentType="text/csv",
                Accept="text/csv",
            )
            assert len(answer["CustomAttributes"]) <= 1024
            found: list[str] = json.loads(answer["CustomAttributes"]).get("warnings", [])
            return found

        assert warned("wind") == [
            "wind: 1 outside the plausible range, -3 to 3",
            "line: 1 that training never saw",
        ]
        assert warned("ä\x7f\u2028b") == [
            "ä\x7f\u2028b is no feature of this model and was ignored",
            "line: 1 that training never saw",
        ]
        assert warned("x" * 1000) == []

    @pytest.mark.parametrize("accept", ["text/csv", "application/jsonlines", "application/json"])
    def test_verbose_has_the_probability_of_each_class(
        self, runtime: Any, expected: dict[str, Any], accept: str
    ) -> None:
        body = json.dumps({"instances": ROWS})
        answer = runtime.invoke_endpoint(
            EndpointName="late_bus",
            Body=body,
            ContentType="application/json",
            Accept=f"{accept}; verbose=true",
        )
        text = answer["Body"].read().decode()
        if accept == "text/csv":
            found = [[*map(float, each[1:])] for each in csv.reader(io.StringIO(text))]
        elif accept == "application/jsonlines":
            found = [json.loads(line)["probabilities"] for line in text.splitlines()]
        else:
            found = json.loads(text)["probabilities"]
            assert json.loads(text)["classes"] == ["late", "on time"]
        assert [max(each) for each in found] == expected["confidences"]

    def test_an_error_has_a_code_and_a_message(self, runtime: Any) -> None:
        body = json.dumps({"instances": [{**ROW, "stops": 1.5}]})
        with pytest.raises(ClientError) as refused:
            runtime.invoke_endpoint(
                EndpointName="late_bus", Body=body, ContentType="application/json"
            )
        error = refused.value.response["Error"]
        assert error["Code"] == "ValidationError"
        assert "instances[0].stops must be a whole number" in error["Message"]


class TestTritonsClient:
    """tritonclient over HTTP, with its binary tensors and with JSON."""

    @pytest.fixture
    def client(self, port: int) -> Iterator[triton.InferenceServerClient]:
        with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
            yield client

    def inputs(self, *, binary: bool) -> list[triton.InferInput]:
        columns: dict[str, np.ndarray] = {
            "wind": np.array([row["wind"] for row in ROWS], dtype=np.float32),
            "stops": np.array([row["stops"] for row in ROWS], dtype=np.int64),
            "line": np.array([row["line"] or "" for row in ROWS], dtype=object),
            "express": np.array([row["express"] for row in ROWS]),
        }
        kinds = {"wind": "FP32", "stops": "INT64", "line": "BYTES", "express": "BOOL"}
        inputs = []
        for name, values in columns.items():
            tensor = triton.InferInput(name, [len(ROWS), 1], kinds[name])
            tensor.set_data_from_numpy(values.reshape(-1, 1), binary_data=binary)
            inputs.append(tensor)
        return inputs

    @pytest.mark.parametrize("version", ["", "1"])
    @pytest.mark.parametrize("packed", [None, "gzip", "deflate"])
    @pytest.mark.parametrize("binary", [True, False])
    def test_it_infers(
        self,
        client: triton.InferenceServerClient,
        expected: dict[str, Any],
        binary: bool,
        packed: str | None,
        version: str,
    ) -> None:
        outputs = [
            triton.InferRequestedOutput(name, binary_data=binary)
            for name in ("predictions", "confidences", "probabilities")
        ]
        answer = client.infer(
            "late_bus",
            self.inputs(binary=binary),
            model_version=version,
            outputs=outputs,
            request_compression_algorithm=packed,
        )
        labels = answer.as_numpy("predictions").tolist()
        labels = [label.decode() if isinstance(label, bytes) else label for label in labels]
        assert labels == expected["predictions"]
        assert answer.as_numpy("confidences").tolist() == expected["confidences"]
        assert answer.as_numpy("probabilities").tolist() == expected["probabilities"]

    def test_without_named_outputs_all_come_in_binary(
        self, client: triton.InferenceServerClient, expected: dict[str, Any]
    ) -> None:
        answer = client.infer("late_bus", self.inputs(binary=True))
        assert answer.as_numpy("confidences").tolist() == expected["confidences"]

    def test_it_asks_about_the_model(self, client: triton.InferenceServerClient) -> None:
        assert client.is_model_ready("late_bus")
        assert client.is_model_ready("late_bus", "1")
        assert client.get_model_metadata("late_bus", "1")["versions"] == ["1"]
        assert not client.is_model_ready("late_bus", "7")

    def test_it_can_read_the_errors(self, client: triton.InferenceServerClient) -> None:
        with pytest.raises(InferenceServerException, match="version 7 of late_bus does not serve"):
            client.infer("late_bus", self.inputs(binary=True), model_version="7")
        with pytest.raises(InferenceServerException, match=r"inputs\.express is missing"):
            client.infer("late_bus", self.inputs(binary=True)[:2])


def test_kserves_first_protocol(port: int, expected: dict[str, Any]) -> None:
    address = f"http://127.0.0.1:{port}/v1/models/late_bus"
    answer = httpx.post(f"{address}:predict", json={"instances": ROWS})
    assert answer.json()["predictions"] == expected["predictions"]
    refused = httpx.post(f"{address}:predict", json={"instances": []})
    assert "must have at least one row" in refused.json()["error"]


def test_a_tensor_of_all_features_as_mlservers_codec_sends_it(
    port: int, expected: dict[str, Any]
) -> None:
    data = [str(value) for value in ROW.values()] * 2
    tensor = {"name": "predict", "shape": [2, 4], "datatype": "BYTES", "data": data}
    body: dict[str, Any] = {"model_name": "late_bus", "inputs": [tensor], "outputs": []}
    answer = httpx.post(f"http://127.0.0.1:{port}/v2/models/late_bus/infer", json=body).json()
    assert answer["outputs"][0]["data"] == expected["predictions"][:1] * 2
    assert len(answer["outputs"]) > 1
    body["parameters"] = {"content_type": "np"}  # the codec refuses an answer of several tensors
    answer = httpx.post(f"http://127.0.0.1:{port}/v2/models/late_bus/infer", json=body).json()
    assert [each["name"] for each in answer["outputs"]] == ["predictions"]


def test_the_probabilities_are_those_of_the_bundle(
    promoted: Account, expected: dict[str, Any]
) -> None:
    pointer = promoted.production().read("late_bus")
    assert pointer
    signature = Predictor(load_bundle(promoted.storage(), pointer)).signature
    assert expected["classes"] == list(signature.classes or ())
    for row, prediction, confidence in zip(
        expected["probabilities"], expected["predictions"], expected["confidences"], strict=True
    ):
        assert sum(row) == pytest.approx(1, abs=1e-6)
        assert row[expected["classes"].index(prediction)] == max(row) == confidence


def test_what_is_passed_over_and_what_is_odd_is_told(port: int) -> None:
    address = f"http://127.0.0.1:{port}/models/late_bus/predict"
    odd = {"instances": [{**ROW, "wind": 7, "line": "N9", "colour": "red"}]}
    refused = httpx.post(address, json=odd)
    assert refused.status_code == 422
    answer = httpx.post(f"{address}?extra=ignore", json=odd).json()
    assert answer["warnings"] == [
        "colour is no feature of this model and was ignored",
        "wind: 1 outside the plausible range, -3 to 3",
        "line: 1 that training never saw",
    ]


@pytest.mark.parametrize(
    ("query", "path"), [("extra=drop", "?extra"), ("probabilities=1", "?probabilities")]
)
def test_an_unknown_query_value_is_422(port: int, query: str, path: str) -> None:
    address = f"http://127.0.0.1:{port}/models/late_bus/predict?{query}"
    refused = httpx.post(address, json={"instances": ROWS})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, path)


def test_a_wrong_content_type_is_415_and_a_wrong_method_405(port: int) -> None:
    address = f"http://127.0.0.1:{port}/models/late_bus/predict"
    assert httpx.post(address, data={"instances": "[]"}).status_code == 415
    wrong = httpx.get(address)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
