"""The registry of a function: on an MLflow server, or in the data bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.aws import LONG
from evergreen.clock import utc_now
from evergreen.registry.bucket import BucketTracking
from evergreen.registry.client import mlflow_client, require_answer
from evergreen.registry.sign_in import sign_in
from evergreen.registry.writer import Registry
from functions.shared.clients import aws_client, storage

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

    from functions.shared.tracking_settings import Settings


def open_registry(settings: Settings) -> Registry:
    """Return the registry that the function's environment names.

    Raises
    ------
    RegistryUnavailableError
        If it is an MLflow server that does not answer now.
    """
    if settings.tracking_uri is None:
        return Registry(BucketTracking(storage(settings.bucket, LONG), utc_now))
    managed = settings.tracking_uri.startswith("arn:")
    if not managed:
        require_answer(settings.tracking_uri)
    client = tracking_client(settings.tracking_uri, settings.tracking_secret)
    return Registry(client, settings.bucket if managed else None)


def tracking_client(uri: str, secret: str | None) -> MlflowClient:
    """Return a client of the MLflow server.

    Parameters
    ----------
    uri
        Address of the server, or the ARN of one of SageMaker.
    secret
        The secret of Secrets Manager with user and password; None for a server without sign-in.
    """
    if secret is not None:
        sign_in(aws_client("secretsmanager", LONG), secret)
    return mlflow_client(uri)
