"""The MLflow server, and how the functions that use it sign in."""

from __future__ import annotations

import os

import boto3
from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ConfigDict, Field


class SignIn(BaseModel):
    """What the secret holds."""

    model_config = ConfigDict(frozen=True)

    username: str
    password: str = Field(repr=False)


def tracking_client(uri: str, secret: str | None) -> MlflowClient:
    """Return a client of the MLflow server.

    Parameters
    ----------
    uri
        Where the server is.
    secret
        The secret of Secrets Manager that holds user and password; None where nobody signs in.
    """
    if secret is not None:
        answer = boto3.client("secretsmanager").get_secret_value(SecretId=secret)
        sign_in = SignIn.model_validate_json(answer["SecretString"])
        # MLflow's client reads them here and nowhere else, anew with each request.
        os.environ["MLFLOW_TRACKING_USERNAME"] = sign_in.username
        os.environ["MLFLOW_TRACKING_PASSWORD"] = sign_in.password
    # A log is no terminal.
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)  # type: ignore[no-untyped-call]
    return MlflowClient(uri)
