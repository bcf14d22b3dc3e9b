"""The server of its own: the same routes, a bundle in a folder, and what the gateway did."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import httpx
import pandas as pd
import pytest
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from pydantic import ValidationError

from evergreen.bundle.interval import PredictionInterval
from evergreen.errors import EvergreenError
from functions.predict.service import service
from functions.predict.settings import Settings
from functions.serve.app import create_app
from functions.serve.running import listen
from functions.serve.settings import ServerSettings
from tests.support.bundle_folders import bundle_folder, serving_variables, weighing_variables
from tests.support.forgotten_settings import forget
from tests.support.served_over_http import served
from tests.support.trained_models import ROW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


@pytest.fixture
def variables(tmp_path: Path) -> Iterator[dict[str, str]]:
    found = serving_variables(tmp_path)
    with patch.dict(os.environ, found):
        forget()
        yield found
    forget()


def serving(**told: Any) -> AbstractContextManager[int]:
    return served(create_app(ServerSettings.model_validate(told)))


def lines(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.rglob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_it_predicts_from_a_folder_and_logs_to_another(
    variables: dict[str, str], tmp_path: Path
) -> None:
    with serving() as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        answer = client.post("/models/late_bus/predict", json={"instances": [ROW, ROW]})
        assert (answer.status_code, answer.json()["model_version"]) == (200, "1")
        label = {"request_id": answer.json()["request_id"], "row": 1, "label": "late"}
        assert client.post("/models/late_bus/ground-truth", json=[label]).status_code == 202
        assert client.get("/models").json()["models"][0]["production"]["version"] == "1"
        assert client.get("/v2/health/ready").json() == {"ready": True, "not_ready": []}
        assert client.get("/", follow_redirects=True).url.path == "/docs"
        assert answer.headers["x-content-type-options"] == "nosniff"
        unknown = client.post("/models/other/predict", json={})
    assert (unknown.status_code, "GET /models lists them." in unknown.text) == (404, True)
    logged = lines(tmp_path / "log" / "request-log" / "raw" / "model=late_bus")
    assert [(each["row"], each["input_data"]) for each in logged] == [(0, ROW), (1, ROW)]
    assert {each["request_id"] for each in logged} == {label["request_id"]}
    [truth] = lines(tmp_path / "log" / "labels" / "raw" / "model=late_bus")
    assert (truth["row"], truth["label"]) == (1, "late")


def test_a_model_may_take_the_whole_frame_of_mlflows_client(variables: dict[str, str]) -> None:
    file = Path(variables["EVERGREEN_MODELS"]) / "late_bus" / "model.toml"
    file.write_text(f'extra = "ignore"\n{file.read_text()}')
    frame = pd.DataFrame([{**ROW, "delay": 7.5}])
    with serving() as port:
        client: Any = ScoringServerClient("127.0.0.1", port)  # type: ignore[no-untyped-call]
        client.url_prefix += "/models/late_bus"
        answer = json.loads(client.invoke(frame).to_json())
        address = f"{client.url_prefix}/predict?extra=refuse"
        refused = httpx.post(address, json={"instances": frame.to_dict("records")})
        document = httpx.get(f"http://127.0.0.1:{port}/openapi.json").json()
    assert answer["warnings"] == ["delay is no feature of this model and was ignored"]
    assert refused.status_code == 422
    assert document["components"]["schemas"]["late_bus"]["additionalProperties"] is True


def test_a_number_comes_with_its_interval_in_every_protocol(tmp_path: Path) -> None:
    interval = PredictionInterval(coverage=0.9, radius=2.5, rows=40)
    variables = weighing_variables(tmp_path, interval)
    row = {"size": 1.5}
    with patch.dict(os.environ, variables):
        forget()
        with serving() as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            own = client.post("/models/fruit/predict", json={"instances": [row, row]}).json()
            described = client.get("/models/fruit").json()["production"]["interval"]
            sagemaker = client.post(
                "/endpoints/fruit/invocations",
                json={"instances": [row]},
                headers={"accept": "application/jsonlines"},
            ).json()
            comma = {
                accept: client.post(
                    "/endpoints/fruit/invocations",
                    content="1.5\n1.5\n",
                    headers={"content-type": "text/csv", "accept": accept},
                ).text
                for accept in ("text/csv", "text/csv; verbose=true")
            }
            tensors = {
                "inputs": [{"name": "size", "datatype": "FP64", "shape": [1], "data": [1.5]}]
            }
            inferred = client.post("/v2/models/fruit/infer", json=tensors).json()["outputs"]
            promised = client.get("/v2/models/fruit").json()["outputs"]
    forget()
    [output, again] = own["predictions"]
    ends = [output - 2.5, output + 2.5]
    assert output == again == pytest.approx(4.5, rel=1e-5)
    assert own["intervals"] == [ends, ends]
    assert described == {"coverage": 0.9, "radius": 2.5, "rows": 40}
    assert sagemaker == {"prediction": output, "interval": ends}
    # A client reads a line as one number unless it asks for more.
    assert comma["text/csv"] == f"{output}\n" * 2
    assert comma["text/csv; verbose=true"] == f"{output},{ends[0]},{ends[1]}\n" * 2
    assert inferred[1] == {
        "name": "intervals",
        "datatype": "FP64",
        "shape": [1, 2],
        "data": ends,
    }
    assert promised[1] == {"name": "intervals", "datatype": "FP64", "shape": [-1, 2]}


def test_a_wrong_method_is_405(variables: dict[str, str]) -> None:
    with serving() as port:
        for method, path in (
            ("PUT", "/models/late_bus/predict"),
            ("GET", "/v1/models/late_bus:predict"),
            ("PUT", "/v2/models/late_bus"),
        ):
            refused = httpx.request(method, f"http://127.0.0.1:{port}{path}")
            assert (refused.status_code, bool(refused.headers["allow"])) == (405, True)
        assert httpx.get(f"http://127.0.0.1:{port}/v1/models/other:predict").status_code == 404


def test_the_document_has_the_classes_and_takes_its_own_example(
    variables: dict[str, str],
) -> None:
    with serving() as port:
        paths = httpx.get(f"http://127.0.0.1:{port}/openapi.json").json()["paths"]
        content = paths["/models/late_bus/ground-truth"]["post"]["requestBody"]["content"]
        label = content["application/json"]["schema"]["items"]["properties"]["label"]
        assert label["enum"] == ["late", "on time"]
        example = content["application/json"]["examples"]["one label"]["value"]
        address = f"http://127.0.0.1:{port}/models/late_bus/ground-truth"
        assert httpx.post(address, json=example).status_code == 202


def test_a_log_that_cannot_be_written_is_503_and_no_answer(
    variables: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "log").write_text("a file where a folder should be")
    with serving() as port:
        address = f"http://127.0.0.1:{port}/models/late_bus/predict"
        refused = httpx.post(address, json={"instances": [ROW]})
    assert refused.status_code == 503
    assert "not written" in refused.json()["detail"]


def test_a_new_bundle_in_the_folder_serves_and_a_damaged_one_does_not(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bundles" / "late_bus" / "1"
    with serving() as port:
        monkeypatch.setattr(service().server, "_poll_seconds", 0)

        def version() -> str:
            address = f"http://127.0.0.1:{port}/models/late_bus/predict"
            return str(httpx.post(address, json={"instances": [ROW]}).json()["model_version"])

        assert version() == "1"
        (folder / "manifest.json").write_text("{")
        assert version() == "1"
        shutil.copytree(bundle_folder(tmp_path / "new", "2"), folder, dirs_exist_ok=True)
        assert version() == "2"


def test_with_a_key_only_the_open_paths_need_none(variables: dict[str, str]) -> None:
    with serving(EVERGREEN_API_KEY="secret") as port:
        address = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{address}/ping").status_code == 200
        for offered in (b"", b"wrong", "schlüssel".encode()):
            refused = httpx.get(f"{address}/models", headers=[(b"x-api-key", offered)])
            assert (refused.status_code, refused.json()["status"]) == (403, 403)
        assert httpx.get(f"{address}/models", headers={"x-api-key": "secret"}).status_code == 200
        document = httpx.get(f"{address}/openapi.json").json()
    assert document["components"]["securitySchemes"].keys() == {"apiKey"}


def test_ground_truth_may_have_a_key_of_its_own(variables: dict[str, str]) -> None:
    keys = {"EVERGREEN_API_KEY": "ask", "EVERGREEN_GROUND_TRUTH_KEY": "teach"}
    with serving(**keys) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        statuses = {
            (key, path): client.post(
                f"/models/late_bus/{path}", json=[], headers={"x-api-key": key}
            ).status_code
            for key in ("ask", "teach")
            for path in ("predict", "ground-truth")
        }
    assert statuses == {
        ("ask", "predict"): 422,
        ("ask", "ground-truth"): 403,
        ("teach", "predict"): 403,
        ("teach", "ground-truth"): 422,
    }


def test_others_may_reach_it_only_with_a_key_or_on_purpose() -> None:
    for told in ({"EVERGREEN_API_KEY": "secret"}, {"EVERGREEN_API_KEY": "open"}):
        ServerSettings.model_validate({"EVERGREEN_HOST": "0.0.0.0", **told})
    for told in ({}, {"EVERGREEN_API_KEY": ""}):
        with pytest.raises(ValidationError, match="EVERGREEN_API_KEY: others can reach"):
            ServerSettings.model_validate({"EVERGREEN_HOST": "0.0.0.0", **told})


def test_a_setting_that_is_missing_is_named() -> None:
    known = {"EVERGREEN_MODEL": "m", "EVERGREEN_VERSION": "1", "EVERGREEN_MODELS": "models"}
    with pytest.raises(ValidationError, match="EVERGREEN_BUCKET, EVERGREEN_REQUEST_STREAM"):
        Settings.model_validate({**known, "EVERGREEN_STAGE": "dev"})
    with pytest.raises(ValidationError, match="needs EVERGREEN_LOG_FOLDER"):
        Settings.model_validate({**known, "EVERGREEN_BUNDLE": "here"})


def test_a_taken_port_is_named() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(EvergreenError, match="is taken"):
        listen("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize("metrics", ["lean", ""])
def test_as_a_process_it_ends_cleanly_and_has_written_its_metrics(
    variables: dict[str, str], metrics: str
) -> None:
    environment = {**os.environ, "EVERGREEN_PORT": "0", "EVERGREEN_METRICS": metrics}
    command = [sys.executable, "-m", "functions.serve"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = int(json.loads(process.stdout.readline())["message"].rpartition(":")[2])
        transport = httpx.HTTPTransport(retries=3)
        with httpx.Client(
            transport=transport, timeout=30, base_url=f"http://127.0.0.1:{port}"
        ) as client:
            for _ in range(2):
                client.post("/models/late_bus/predict", json={"instances": [ROW, ROW]})
            assert client.get("/nothing").status_code == 404
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        written = [json.loads(line) for line in process.stdout.read().splitlines()]
    counted: dict[str, list[float]] = {}
    for line in written:
        if "Requests" in line:
            counted.setdefault(line["endpoint"], []).extend(line["Requests"])
    rows = [value for line in written for value in line.get("Predictions", ())]
    predict = "/models/{model}/predict"
    assert counted == ({predict: [1.0, 1.0], "other": [1.0]} if metrics else {})
    assert rows == ([2.0, 2.0] if metrics else [])
