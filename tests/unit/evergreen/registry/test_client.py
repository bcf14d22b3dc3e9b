"""The MLflow client against a real server that accepts and hangs."""

from __future__ import annotations

import pytest
from mlflow.environment_variables import (
    MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR,
    MLFLOW_HTTP_REQUEST_BACKOFF_JITTER,
)
from mlflow.exceptions import MlflowException

from evergreen.registry import client as module
from evergreen.registry.client import MLFLOW_RETRIES, MLFLOW_TIMEOUT_SECONDS, mlflow_client
from tests.support.hanging_server import HangingServer

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
