"""Signing in to an MLflow server that asks for user and password."""

from __future__ import annotations

import os
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _SignIn(BaseModel):
    """The content of the secret: user and password."""

    model_config = ConfigDict(frozen=True)

    username: str
    password: str = Field(repr=False)


def sign_in(client: Any, secret: str) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
    """Let this process's MLflow clients use the user and the password of a secret.

    Parameters
    ----------
    client
        A boto3 client of Secrets Manager.
    secret
        Name or ARN of the secret.
    """
    answer = client.get_secret_value(SecretId=secret)
    found = _SignIn.model_validate_json(answer["SecretString"])
    # MLflow's client reads them only from the environment, for each request.
    os.environ["MLFLOW_TRACKING_USERNAME"] = found.username
    os.environ["MLFLOW_TRACKING_PASSWORD"] = found.password
