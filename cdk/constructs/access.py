"""Least privilege over the data bucket: by verb and by prefix, and no wider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from cdk.storage_stack import StorageStack


def grant_read(role: iam.Role, storage: StorageStack, *prefixes: str) -> None:
    """Let ``role`` read and list what lies below ``prefixes`` (each ends with a slash)."""
    _on_objects(role, storage, ["s3:GetObject"], prefixes)
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[storage.bucket_arn],
            # IfExists: S3 asks for this permission too before it answers a GetObject with 404, and
            # such a request has no prefix. Without it, what is not there yet would be a 403.
            conditions={"StringLikeIfExists": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
        )
    )
    _use_key(role, storage, "kms:Decrypt")


def grant_write(role: iam.Role, storage: StorageStack, *prefixes: str) -> None:
    """Let ``role`` write objects below ``prefixes`` (each ends with a slash)."""
    _on_objects(role, storage, ["s3:PutObject"], prefixes)
    # Decrypt too: S3 asks for it when an upload comes in parts.
    _use_key(role, storage, "kms:GenerateDataKey", "kms:Decrypt")


def grant_delete(role: iam.Role, storage: StorageStack, *prefixes: str) -> None:
    """Let ``role`` delete objects below ``prefixes`` (each ends with a slash)."""
    _on_objects(role, storage, ["s3:DeleteObject"], prefixes)


def put_events(role: iam.Role, storage: StorageStack) -> None:
    """Let ``role`` put events on Evergreen's bus."""
    storage.bus.grant_put_events_to(role)


def read_pointers(role: iam.Role, storage: StorageStack, model: str = "*") -> None:
    """Let ``role`` read the production pointer of ``model``, of every model if none is named."""
    _on_pointers(role, storage, ["ssm:GetParameter", "ssm:GetParameterHistory"], model)


def write_pointers(role: iam.Role, storage: StorageStack) -> None:
    """Let ``role`` move every model's production pointer."""
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
