"""The registry of a deployment, reached from a person's machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evergreen.clock import utc_now
from evergreen.errors import EvergreenError
from evergreen.registry.bucket import BucketTracking
from evergreen.registry.client import mlflow_client
from evergreen.registry.writer import Registry
from functions.shared.tracking import SignIn

if TYPE_CHECKING:
    from cli.shared.target import Target

_IN_BUCKET = "none"
_IN_VPC = "fargate"


def registry_of(target: Target) -> Registry:
    """Return the registry that the deployment's functions use.

    On the local stack that is its MLflow. On AWS it is what ``tracking`` said at deployment.

    Raises
    ------
    EvergreenError
        If it is an MLflow server whose address is not known here.
    """
    where = _mlflow_here(target) if target.is_emulator else target.output("Tracking")
    if where == _IN_BUCKET:
        return Registry(BucketTracking(target.storage, utc_now))
    if where == _IN_VPC:
        return Registry(mlflow_client(_mlflow_here(target)))
    if where.startswith("arn:"):
        return Registry(mlflow_client(where), target.output("BucketName"))
    if secret := target.outputs.get("TrackingSecret"):
        _sign_in(target, secret)
    return Registry(mlflow_client(where))


def _mlflow_here(target: Target) -> str:
    if target.mlflow_uri is None:
        raise EvergreenError(
            "the address of the MLflow server is not known",
            fix="Set MLFLOW_TRACKING_URI to it. On AWS it is inside the VPC: forward a port first, "
            "as docs/services.md says.",
        )
    return target.mlflow_uri


def _sign_in(target: Target, secret: str) -> None:
    answer = target.client("secretsmanager").get_secret_value(SecretId=secret)
    sign_in = SignIn.model_validate_json(answer["SecretString"])
    # MLflow's client reads them only from the environment, for each request.
    os.environ["MLFLOW_TRACKING_USERNAME"] = sign_in.username
    os.environ["MLFLOW_TRACKING_PASSWORD"] = sign_in.password
