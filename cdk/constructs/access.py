"""Permissions with least privilege: by action and prefix for the data bucket, and the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat
from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from cdk.storage_stack import StorageStack


def grant_read(role: iam.Role, storage: StorageStack, *prefixes: str) -> None:
    """Let ``role`` read and list objects below ``prefixes`` (each ends with a slash)."""
    _on_objects(role, storage, ["s3:GetObject"], prefixes)
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[storage.bucket_arn],
            # A listing must name a prefix, or it would show the keys of the whole bucket. S3 then
            # answers a GetObject of a missing object with 403 and not 404; Storage handles that.
            conditions={"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
        )
    )
    _use_key(role, storage, "kms:Decrypt")


def grant_write(role: iam.Role, storage: StorageStack, *prefixes: str) -> None:
    """Let ``role`` write objects below ``prefixes`` (each ends with a slash)."""
    _on_objects(role, storage, ["s3:PutObject"], prefixes)
    # Decrypt too: S3 needs it for multipart uploads.
    _use_key(role, storage, "kms:GenerateDataKey", "kms:Decrypt")


def grant_delete(role: iam.Role, storage: StorageStack, *prefixes: str) -> None:
    """Let ``role`` delete objects below ``prefixes`` (each ends with a slash)."""
    _on_objects(role, storage, ["s3:DeleteObject"], prefixes)


def put_events(role: iam.Role, storage: StorageStack) -> None:
    """Let ``role`` put events on Evergreen's bus."""
    storage.bus.grant_put_events_to(role)


def see_retrainings(role: iam.Role, storage: StorageStack, *also: str) -> None:
    """Let ``role`` see which execution retrains a model, and whether it still runs.

    Parameters
    ----------
    also
        Further actions on the executions.
    """
    grant_read(role, storage, "locks/")
    executions = storage.format_arn(
        service="states",
        resource="execution",
        resource_name=f"{storage.deployment.settings.name('train-evaluate-promote')}:*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    role.add_to_policy(
        iam.PolicyStatement(actions=["states:DescribeExecution", *also], resources=[executions])
    )


def read_signatures(role: iam.Role, storage: StorageStack) -> None:
    """Let ``role`` read what describes a bundle, and no model."""
    grant_read(role, storage, "bundles/*/manifest.json", "bundles/*/signature.json")


def read_pointers(role: iam.Role, storage: StorageStack, model: str = "*") -> None:
    """Let ``role`` read the production pointer of ``model``, or of every model for None."""
    _on_pointers(role, storage, ["ssm:GetParameter", "ssm:GetParameterHistory"], model)


def write_pointers(role: iam.Role, storage: StorageStack) -> None:
    """Let ``role`` write every model's production pointer."""
    _on_pointers(role, storage, ["ssm:PutParameter"], "*")


def _on_pointers(role: iam.Role, storage: StorageStack, actions: list[str], model: str) -> None:
    name = f"evergreen/{storage.deployment.settings.stage}/{model}/production"
    arn = storage.format_arn(service="ssm", resource="parameter", resource_name=name)
    role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[arn]))


def _on_objects(
    role: iam.Role, storage: StorageStack, actions: list[str], prefixes: tuple[str, ...]
) -> None:
    arns = [f"{storage.bucket_arn}/{prefix}*" for prefix in prefixes]
    role.add_to_policy(iam.PolicyStatement(actions=actions, resources=arns))


def _use_key(role: iam.Role, storage: StorageStack, *actions: str) -> None:
    role.add_to_policy(iam.PolicyStatement(actions=[*actions], resources=[storage.key.key_arn]))
