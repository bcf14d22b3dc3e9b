"""Client of the MLflow server, with sign-in."""

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
    """The content of the secret: user and password."""

    model_config = ConfigDict(frozen=True)

    username: str
    password: str = Field(repr=False)


def tracking_client(uri: str, secret: str | None) -> MlflowClient:
    """Return a client of the MLflow server.

    Parameters
    ----------
    uri
        Address of the server.
    secret
        The secret of Secrets Manager with user and password; None for a server without sign-in.
    """
    if secret is not None:
        answer = aws_client("secretsmanager", LONG).get_secret_value(SecretId=secret)
        sign_in = SignIn.model_validate_json(answer["SecretString"])
        # MLflow's client reads them only from the environment, for each request.
        os.environ["MLFLOW_TRACKING_USERNAME"] = sign_in.username
        os.environ["MLFLOW_TRACKING_PASSWORD"] = sign_in.password
    return mlflow_client(uri)
