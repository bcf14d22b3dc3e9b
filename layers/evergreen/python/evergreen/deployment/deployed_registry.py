"""The registry of a deployment, reached from a person's machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.clock import utc_now
from evergreen.errors import EvergreenError
from evergreen.registry.bucket import BucketTracking
from evergreen.registry.client import mlflow_client
from evergreen.registry.sign_in import sign_in
from evergreen.registry.writer import Registry

if TYPE_CHECKING:
    from evergreen.deployment.connection import Connection

_IN_BUCKET = "none"
_IN_VPC = "fargate"


def registry_of(target: Connection) -> Registry:
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
        sign_in(target.client("secretsmanager"), secret)
    return Registry(mlflow_client(where))


def _mlflow_here(target: Connection) -> str:
    if target.mlflow_uri is None:
        raise EvergreenError(
            "the address of the MLflow server is not known",
            fix="Set MLFLOW_TRACKING_URI to it. On AWS it is inside the VPC: forward a port first, "
            "as docs/services.md says.",
        )
    return target.mlflow_uri
