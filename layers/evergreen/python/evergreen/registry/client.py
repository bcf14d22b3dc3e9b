"""The client of the MLflow server, which gives up in time."""

from __future__ import annotations

from mlflow.environment_variables import (
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_HTTP_REQUEST_TIMEOUT,
)
from mlflow.tracking import MlflowClient

MLFLOW_TIMEOUT_SECONDS = 60
"""How long to wait for a connection, and for each answer."""
MLFLOW_RETRIES = 3
"""How often a request is repeated. MLflow's own 7, with 120 s each, outlast a function's 900 s.

The pauses are 0, 4 and 8 s, the last two up to 1 s longer: 4 * 60 + 14 = 254 s in all at most.
"""


def mlflow_client(uri: str) -> MlflowClient:
    """Return a client of the MLflow server at ``uri``.

    MLflow knows limits of the whole process only. They are set here, for every client.
    """
    MLFLOW_HTTP_REQUEST_TIMEOUT.set(MLFLOW_TIMEOUT_SECONDS)  # type: ignore[no-untyped-call]
    MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(MLFLOW_RETRIES)  # type: ignore[no-untyped-call]
    # A log is no terminal, and on one the bars would run through what is shown there.
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)  # type: ignore[no-untyped-call]
    return MlflowClient(uri)
