"""The client of the MLflow server, with timeouts and limited retries."""

from __future__ import annotations

from mlflow.environment_variables import (
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_HTTP_REQUEST_TIMEOUT,
)
from mlflow.tracking import MlflowClient, set_tracking_uri

MLFLOW_TIMEOUT_SECONDS = 60
"""Timeout of a connection, and of each response."""
MLFLOW_RETRIES = 3
"""Retries of a request. MLflow's default, 7 with 120 s each, takes longer than a function's 900 s.

The pauses are 0, 4 and 8 s, the last two up to 1 s longer: 4 * 120 + 14 = 494 s in all at most, and
254 s where the server accepts connections at once.
"""


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
    return MlflowClient(uri)
