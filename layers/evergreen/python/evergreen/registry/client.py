"""The client of the MLflow server, with timeouts and limited retries."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests
from mlflow.environment_variables import (
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_HTTP_REQUEST_TIMEOUT,
)
from mlflow.tracking import MlflowClient, get_tracking_uri, set_tracking_uri
from mlflow.tracking.request_header.registry import _request_header_provider_registry

from evergreen.errors import RegistryUnavailableError

MLFLOW_TIMEOUT_SECONDS = 60
"""Timeout of a connection, and of each response."""
MLFLOW_RETRIES = 3
"""Retries of a request. MLflow's default, 7 with 120 s each, takes longer than a function's 900 s.

The pauses are 0, 4 and 8 s, the last two up to 1 s longer: 4 * 120 + 14 = 494 s in all at most, and
254 s where the server accepts connections at once.
"""
PROBE_SECONDS = 5
"""How long a function waits for a sign of life of the server, before it begins its work."""


def require_answer(uri: str) -> None:
    """Check within seconds that a server answers at all, whatever it answers.

    A function that fails at once costs nothing while the state machine waits.

    Parameters
    ----------
    uri
        Address of the server.

    Raises
    ------
    RegistryUnavailableError
        If it does not answer, or if what stands before it says that it is away (502, 503, 504).
    """
    try:
        answer = requests.get(f"{uri.rstrip('/')}/health", timeout=PROBE_SECONDS)
    except requests.RequestException as error:
        raise unavailable(uri, error) from error
    if answer.status_code in (502, 503, 504):
        raise unavailable(uri, f"status {answer.status_code}")


def unavailable(url: str, reason: object) -> RegistryUnavailableError:
    """Return the error that says which server does not answer, where, and why.

    Parameters
    ----------
    url
        Any address of the server; only its host and port are named.
    reason
        What happened. Of an error it is the innermost cause: urllib3 wraps it three times.
    """
    text = str(_innermost(reason)).rpartition(">: ")[2].rpartition("] ")[2]
    address = urlsplit(url)
    return RegistryUnavailableError(
        f"MLflow does not answer: {text}",
        where=f"{address.scheme}://{address.netloc.rpartition('@')[2]}",
        fix="Start it again, and its database and its store of files.",
    )


def _innermost(reason: object) -> object:
    while isinstance(reason, BaseException):
        inner = getattr(reason, "reason", None) or next(iter(reason.args), None)
        if not isinstance(inner, BaseException):
            return reason
        reason = inner
    return reason


def mlflow_client(uri: str) -> MlflowClient:
    """Return a client of the MLflow server at ``uri``, which may be the ARN of one of SageMaker.

    MLflow has these limits only for the whole process, so this sets them for every client.
    """
    MLFLOW_HTTP_REQUEST_TIMEOUT.set(MLFLOW_TIMEOUT_SECONDS)  # type: ignore[no-untyped-call]
    MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(MLFLOW_RETRIES)  # type: ignore[no-untyped-call]
    # Progress bars do not belong in a log, and in a terminal they would mix with our output.
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)  # type: ignore[no-untyped-call]
    if uri.startswith("arn:"):
        set_tracking_uri(uri)  # the plugin signs for the server of the process, not of the client
    _quieten_plugin()
    return MlflowClient(uri)


def _quieten_plugin() -> None:
    """Let SageMaker's plugin add headers only for a server of SageMaker.

    It takes every server for one, fails to read the ARN in its address, and MLflow logs that as a
    warning at each request.
    """
    for provider in _request_header_provider_registry:
        if type(provider).__module__.startswith("sagemaker_mlflow."):
            provider.in_context = lambda: get_tracking_uri().startswith("arn:")
