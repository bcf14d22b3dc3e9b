"""Deleting a deployment: its stacks one after the other, and what of it stays."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cdk.cost.standing import read_prices
from evergreen.clock import utc_now
from evergreen.deployment.connection import NotDeployedError
from evergreen.errors import EvergreenError
from evergreen.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.shared.target import Target

_POLL_SECONDS = 2.0
_GONE = "DELETE_COMPLETE"
_GB = 1024**3
_BUCKET = "AWS::S3::Bucket"
_KEPT_KINDS = (_BUCKET, "AWS::KMS::Key")


class DestructionError(EvergreenError):
    """A stack could not be deleted."""


@dataclass(frozen=True, slots=True)
class Retained:
    """Something that a deleted deployment leaves, and what it costs in a month."""

    what: str
    dollars: float | None
    """At list price; None if its size is not known."""
    removal: str
    """How to delete it."""


def stacks_of(target: Target) -> list[dict[str, Any]]:
    """Return the stacks of the stage, the newest first: a stack uses only older ones.

    Raises
    ------
    NotDeployedError
        If there are none.
    """
    prefix = f"Evergreen-{target.stage}-"
    pages = target.client("cloudformation").get_paginator("describe_stacks").paginate()
    found = [
        stack
        for page in pages
        for stack in page["Stacks"]
        if stack["StackName"].startswith(prefix)
        and "ParentId" not in stack
        and stack["StackStatus"] != _GONE
    ]
    if not found:
        raise NotDeployedError(
            f"stage {target.stage!r} is not deployed, so there is nothing to delete",
            fix="`--stage` names another one.",
        )
    return sorted(found, key=lambda stack: stack["CreationTime"], reverse=True)


def kept_candidates(target: Target, stacks: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return kind and id of the resources of stacks that CloudFormation may keep."""
    client = target.client("cloudformation")
    return [
        (each["ResourceType"], each["PhysicalResourceId"])
        for stack in stacks
        for page in client.get_paginator("list_stack_resources").paginate(
            StackName=stack["StackName"]
        )
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] in _KEPT_KINDS
    ]


def delete_stacks(target: Target, stacks: list[dict[str, Any]], say: Callable[[str], None]) -> None:
    """Delete stacks in their order and wait for each.

    Run again after an interruption, it goes on with the stacks that are left.

    Raises
    ------
    DestructionError
        If CloudFormation cannot delete one; with its reason.
    """
    client = target.client("cloudformation")
    for number, stack in enumerate(stacks, start=1):
        name = stack["StackName"]
        say(f"{name} ({number} of {len(stacks)})")
        client.delete_stack(StackName=name)
        while (found := _status(client, stack["StackId"])) is not None:
            status, reason = found
            if status == "DELETE_FAILED":
                raise DestructionError(
                    f"CloudFormation could not delete it: {reason}",
                    where=name,
                    fix="Remove what it names, or its deletion protection. Then run the command "
                    "again: it goes on here.",
                )
            time.sleep(_POLL_SECONDS)


def empty_buckets(target: Target, candidates: list[tuple[str, str]]) -> None:
    """Delete all objects, with their versions, so that the buckets can be deleted."""
    for kind, name in candidates:
        if kind == _BUCKET:
            storage = Storage(name, target.client("s3"))
            storage.delete_below("")
            storage.purge("")


def delete_buckets(target: Target, candidates: list[tuple[str, str]]) -> None:
    """Delete the buckets that the stacks have left, with what was written to them meanwhile."""
    left = [item for item in candidates if item[0] == _BUCKET and _bucket_is_there(target, item[1])]
    empty_buckets(target, left)
    for _, name in left:
        target.client("s3").delete_bucket(Bucket=name)


def retained(target: Target, candidates: list[tuple[str, str]]) -> list[Retained]:
    """Return which of the candidates are still there, with their cost."""
    prices = read_prices().prices
    found = []
    for kind, name in candidates:
        if kind == "AWS::KMS::Key" and _key_is_there(target, name):
            found.append(
                Retained(
                    f"Encryption key {name}. Without it nothing in the buckets can be read",
                    prices["kms_key"].dollars,
                    f"aws kms schedule-key-deletion --key-id {name}",
                )
            )
        elif kind == _BUCKET and _bucket_is_there(target, name):
            size = _bucket_bytes(target, name)
            extent = "of a size that is not known yet" if size is None else f"{size / _GB:.2f} GB"
            found.append(
                Retained(
                    f"Bucket {name}, {extent}",
                    None if size is None else size / _GB * prices["s3_gb"].dollars,
                    f"empty it in the S3 console, then: aws s3 rb s3://{name}",
                )
            )
    return found


def _status(client: Any, stack: str) -> tuple[str, str] | None:  # noqa: ANN401 - boto3's
    """Return a stack's status and reason, or None once it is gone."""
    try:
        found = client.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    if not found or found[0]["StackStatus"] == _GONE:
        return None
    return found[0]["StackStatus"], found[0].get("StackStatusReason", "it gave no reason")


def _bucket_is_there(target: Target, name: str) -> bool:
    try:
        target.client("s3").head_bucket(Bucket=name)
    except ClientError:
        return False
    return True


def _key_is_there(target: Target, name: str) -> bool:
    try:
        state = target.client("kms").describe_key(KeyId=name)["KeyMetadata"]["KeyState"]
    except ClientError:
        return False
    return bool(state != "PendingDeletion")


def _bucket_bytes(target: Target, name: str) -> float | None:
    """Return the size that CloudWatch has for a bucket; it measures once a day."""
    now = utc_now()
    points = target.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/S3",
        MetricName="BucketSizeBytes",
        Dimensions=[
            {"Name": "BucketName", "Value": name},
            {"Name": "StorageType", "Value": "StandardStorage"},
        ],
        StartTime=now - timedelta(days=3),
        EndTime=now,
        Period=86_400,
        Statistics=["Average"],
    )["Datapoints"]
    return max(points, key=lambda each: each["Timestamp"])["Average"] if points else None
