"""The MLflow client against a real server that accepts and hangs."""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from mlflow.environment_variables import (
    MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR,
    MLFLOW_HTTP_REQUEST_BACKOFF_JITTER,
)
from mlflow.exceptions import MlflowException
from mlflow.tracking.request_header import registry

from evergreen.errors import RegistryError, RegistryUnavailableError
from evergreen.registry import client as module
from evergreen.registry.client import (
    MLFLOW_RETRIES,
    MLFLOW_TIMEOUT_SECONDS,
    mlflow_client,
    require_answer,
)
from evergreen.registry.reader import explained
from tests.support.hanging_server import HangingServer

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKER_SECONDS = 900


def test_a_request_that_is_never_answered_ends_after_its_attempts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MLFLOW_TIMEOUT_SECONDS", 1)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    for name in ("TIMEOUT", "MAX_RETRIES"):
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", "")  # so that it is as before afterwards
    server = HangingServer()
    client = mlflow_client(server.url)
    with pytest.raises(MlflowException, match="timed out"):
        client.get_run("1")
    assert len(server.received()) == 1 + MLFLOW_RETRIES


def test_a_request_ends_within_the_time_of_a_worker() -> None:
    factor = MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR.get()  # type: ignore[no-untyped-call]
    jitter = MLFLOW_HTTP_REQUEST_BACKOFF_JITTER.get()  # type: ignore[no-untyped-call]
    pauses = [factor * 2**number + jitter for number in range(1, MLFLOW_RETRIES)]
    assert (1 + MLFLOW_RETRIES) * MLFLOW_TIMEOUT_SECONDS + sum(pauses) == 254 < WORKER_SECONDS / 2


def test_the_plugin_for_sagemaker_says_nothing_of_another_server(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TIMEOUT", "MAX_RETRIES"):
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", "")  # so that it is as before afterwards
    mlflow_client("http://127.0.0.1:1")
    logger = logging.getLogger(registry.__name__)  # MLflow's loggers do not propagate
    logger.addHandler(caplog.handler)
    try:
        headers = registry.resolve_request_headers()  # type: ignore[no-untyped-call]
    finally:
        logger.removeHandler(caplog.handler)
    assert "X-MLflow-Client-Version" in headers
    assert caplog.messages == []


def closed_port() -> str:
    """Return the address of a port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def answering(status: int) -> Iterator[tuple[str, list[str]]]:
    """Serve one status to every GET; yield the address and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("status", [200, 401, 404])
def test_whoever_answers_is_there(status: int) -> None:
    with answering(status) as (url, asked):
        require_answer(url + "/")
    assert asked == ["/health"]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_without_its_server_is_no_answer(status: int) -> None:
    with (
        answering(status) as (url, _),
        pytest.raises(RegistryUnavailableError, match=f"status {status}"),
    ):
        require_answer(url)


def test_a_server_that_hangs_or_is_gone_is_named_within_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.2)
    server = HangingServer()
    with pytest.raises(RegistryUnavailableError, match=r"does not answer: .*timed out") as hung:
        require_answer(server.url)
    assert server.received() == ["GET /health HTTP/1.1"]
    assert server.url in str(hung.value)
    url = closed_port()
    with pytest.raises(RegistryUnavailableError, match="does not answer: Connection refused") as no:
        require_answer(url.replace("//", "//user:secret@"))
    assert url in str(no.value)
    assert "secret" not in str(no.value)


def test_an_outage_within_the_work_is_one_too_and_a_refusal_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TIMEOUT", "MAX_RETRIES"):
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", "")
    monkeypatch.setattr(module, "MLFLOW_RETRIES", 0)
    url = closed_port()
    with (
        pytest.raises(RegistryUnavailableError, match="does not answer: Connection refused") as no,
        explained("a run"),
    ):
        mlflow_client(url).get_run("1")
    assert url in str(no.value)
    with (
        answering(404) as (there, asked),
        pytest.raises(RegistryError, match="a run: MLflow: ") as refused,
        explained("a run"),
    ):
        mlflow_client(there).get_run("1")
    assert not isinstance(refused.value, RegistryUnavailableError)
    assert asked
