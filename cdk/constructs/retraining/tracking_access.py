"""Access to the registry: what a function must know, be allowed and be connected to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aws_cdk import aws_iam as iam

from cdk.constructs import access
from evergreen.registry.places import REGISTRY_PREFIX

if TYPE_CHECKING:
    from cdk.constructs.building.functions import Placement
    from cdk.storage_stack import StorageStack

_MANAGED_ACTIONS = (
    *("CreateExperiment", "GetExperimentByName", "GetExperiment"),
    *("CreateRun", "GetRun", "SearchRuns", "UpdateRun", "LogBatch", "SetTag", "ListArtifacts"),
    *("CreateRegisteredModel", "SearchRegisteredModels", "GetRegisteredModel"),
    *("CreateModelVersion", "GetModelVersion", "SearchModelVersions"),
    *("SetModelVersionTag", "DeleteModelVersionTag"),
    *("SetRegisteredModelAlias", "DeleteRegisteredModelAlias"),
)
"""The calls of the registry's client, as SageMaker names them
(docs.aws.amazon.com/sagemaker/latest/dg/mlflow-create-tracking-server-iam.html)."""


class TrackingAccess(Protocol):
    """Where runs and versions are, for the functions and training jobs that use them."""

    @property
    def placement(self) -> Placement | None:
        """The place in the VPC from which it is reached; None if it needs none."""

    def client_environment(self) -> dict[str, str]:
        """Return the environment variables of a function or job that uses it."""

    def let_in(self, role: iam.Role) -> None:
        """Let a role use it."""


class BucketAccess:
    """The registry in the data bucket."""

    placement = None

    def __init__(self, storage: StorageStack) -> None:
        self._storage = storage

    def client_environment(self) -> dict[str, str]:
        """Return nothing: every function knows the data bucket."""
        return {}

    def let_in(self, role: iam.Role) -> None:
        """Let a role read and write the registry's objects."""
        access.grant_read(role, self._storage, REGISTRY_PREFIX)
        access.grant_write(role, self._storage, REGISTRY_PREFIX)


class AddressAccess:
    """An MLflow server that exists, reached over the internet or from the emulator.

    Parameters
    ----------
    uri
        Its address.
    secret
        ARN of the secret with user and password; None for a server without sign-in.
    """

    placement = None

    def __init__(self, uri: str, secret: str | None) -> None:
        self._uri = uri
        self._secret = secret

    def client_environment(self) -> dict[str, str]:
        """Return the address, and the secret if there is one."""
        secret = {"MLFLOW_CREDENTIALS_SECRET": self._secret} if self._secret else {}
        return {"MLFLOW_TRACKING_URI": self._uri, **secret}

    def let_in(self, role: iam.Role) -> None:
        """Let a role read the secret."""
        if self._secret:
            role.add_to_policy(
                iam.PolicyStatement(
                    actions=["secretsmanager:GetSecretValue"], resources=[self._secret]
                )
            )


class ManagedAccess(BucketAccess):
    """The managed MLflow of SageMaker; the files of its runs are in the data bucket.

    SageMaker's clients write a run's files themselves, with their own rights. So each experiment
    is made with a folder of the data bucket, and not with the bucket of the server.

    Parameters
    ----------
    arn
        ARN of the tracking server or app.
    """

    def __init__(self, storage: StorageStack, arn: str) -> None:
        super().__init__(storage)
        self._arn = arn

    def client_environment(self) -> dict[str, str]:
        """Return the ARN, which the plugin ``sagemaker-mlflow`` takes for an address."""
        return {"MLFLOW_TRACKING_URI": self._arn}

    def let_in(self, role: iam.Role) -> None:
        """Let a role call the server, and read and write the files of runs."""
        super().let_in(role)
        actions = [f"sagemaker-mlflow:{name}" for name in _MANAGED_ACTIONS]
        role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[self._arn]))


def tracking_access(storage: StorageStack) -> TrackingAccess:
    """Return the access to the registry of a deployment that brings no server of its own."""
    settings = storage.deployment.settings
    if settings.tracking_server_arn:
        return ManagedAccess(storage, settings.tracking_server_arn)
    if settings.tracking_uri:
        return AddressAccess(settings.tracking_uri, settings.tracking_secret_arn)
    return BucketAccess(storage)
