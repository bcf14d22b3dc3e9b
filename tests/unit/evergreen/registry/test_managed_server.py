"""SageMaker's MLflow is called by its ARN: where each request goes and how it is signed."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from mlflow.tracking._tracking_service import utils

from evergreen.registry.client import mlflow_client
from evergreen.registry.writer import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

ARN = "arn:aws:sagemaker:eu-central-1:111122223333:mlflow-tracking-server/runs"


class Received:
    def __init__(self, method: str, path: str, headers: Any, body: dict[str, Any]) -> None:
        self.method, self.path, self.headers, self.body = method, path, headers, body


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Received]]:
    """Give the requests to a server that has no experiment yet and makes what it is asked to."""
    requests: list[Received] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            requests.append(Received(method, path, self.headers, json.loads(body or b"{}")))
            info = {"run_id": "r1", "experiment_id": "7", "status": "RUNNING", "start_time": 1}
            answers: dict[str, Any] = {
                "experiments/create": {"experiment_id": "7"},
                "runs/create": {"run": {"info": info, "data": {}}},
            }
            found = answers.get(path.removeprefix("/api/2.0/mlflow/"))
            missing = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"}
            answer = json.dumps(found or missing).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # so that it is as before afterwards
    monkeypatch.setattr(utils, "_tracking_uri", None)
    yield requests
    server.shutdown()
    thread.join()
    server.server_close()


def test_requests_are_signed_for_sagemaker_and_files_go_to_our_bucket(
    received: list[Received],
) -> None:
    assert Registry(mlflow_client(ARN), files="data").start_run("fruit", "ds-1", {}) == "r1"
    made = [each for each in received if each.path.endswith("experiments/create")]
    assert [each.body["artifact_location"] for each in made] == ["s3://data/registry/fruit/files"]
    for each in received:
        scope = each.headers["Authorization"].split("Credential=")[1].split(",")[0].split("/")
        assert scope[0] == "AKIDEXAMPLE"
        assert scope[2:4] == ["eu-central-1", "sagemaker-mlflow"]
        assert each.headers["x-mlflow-sm-tracking-server-arn"] == ARN
