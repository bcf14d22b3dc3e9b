"""The MLflow server, and how the functions that use it sign in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from evergreen.aws import LONG
from evergreen.registry.client import mlflow_client
from functions.shared.clients import aws_client

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


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
        answer = aws_client("secretsmanager", LONG).get_secret_value(SecretId=secret)
        sign_in = SignIn.model_validate_json(answer["SecretString"])
        # MLflow's client reads them here and nowhere else, anew with each request.
        os.environ["MLFLOW_TRACKING_USERNAME"] = sign_in.username
        os.environ["MLFLOW_TRACKING_PASSWORD"] = sign_in.password
    return mlflow_client(uri)
