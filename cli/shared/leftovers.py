"""What a deployment leaves behind: stacks and pointers that are no longer part of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.errors import PointerError
from evergreen.production import Production

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cli.shared.target import Target


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that is no longer part of a deployment, and the command that removes it."""

    what: str
    command: str


def orphaned_stacks(target: Target, assembly: Path) -> list[Leftover]:
    """Return the stacks of the stage that the app no longer has, in the order to delete them.

    For example those of MLflow once ``tracking`` is no longer ``fargate``. CloudFormation
    keeps them, and they cost money, until somebody deletes them.

    Parameters
    ----------
    assembly
        The folder to which cdk wrote the templates that were deployed.
    """
    manifest = json.loads((assembly / "manifest.json").read_bytes())
    wanted = {
        item["properties"].get("stackName", name)
        for name, item in manifest["artifacts"].items()
        if item["type"] == "aws:cloudformation:stack"
    }
    pages = target.client("cloudformation").get_paginator("describe_stacks").paginate()
    stacks = [
        stack
        for page in pages
        for stack in page["Stacks"]
        if stack["StackName"].startswith(f"Evergreen-{target.stage}-")
        and "ParentId" not in stack
        and stack["StackName"] not in wanted
    ]
    # A stack uses only stacks that are older.
    stacks.sort(key=lambda stack: stack["CreationTime"], reverse=True)
    region = target.environment["AWS_REGION"]
    return [
        Leftover(
            f"The stack {stack['StackName']} is no longer part of the app. It stays, and costs, "
            "until you delete it",
            f"aws cloudformation delete-stack --region {region} --stack-name {stack['StackName']}",
        )
        for stack in stacks
    ]


def stale_pointers(target: Target, models: Iterable[str]) -> list[Leftover]:
    """Return the pointers to bundles in another bucket: of a deployment that was destroyed.

    Parameter Store keeps a pointer when the stacks are deleted. The new deployment has a new
    bucket, so nothing that such a pointer names can be served.
    """
    production, bucket = Production(target.stage, target.client("ssm")), target.storage
    where = "" if target.is_emulator else f" --aws --stage {target.stage}"
    found = []
    for model in models:
        try:
            pointer = production.read(model)
        except PointerError:
            continue  # it is said where it is used
        if pointer and not pointer.bundle_uri.startswith(bucket.uri("")):
            found.append(
                Leftover(
                    f"The production pointer of {model} names {pointer.bundle_uri}, and the data "
                    f"bucket is {bucket.bucket} now. Until the pointer is withdrawn, the model is "
                    "neither served nor trained",
                    f"evergreen doctor {model} --fix{where}",
                )
            )
    return found
