"""What an emulator was deployed from, so that a deployment that would change nothing is left out.

cdk needs ten seconds to find that out by itself: it writes the templates first.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from cli.shared.cdk_program import APP_FOLDER
from local.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cli.shared.target import Target

_NO_INPUT = ("docs", "tests", "notebooks", "node_modules", "cdk.out")
"""Folders from which no template and no asset is made, besides hidden ones."""


def is_deployed(target: Target, context: Mapping[str, str], record: Path) -> bool:
    """Return whether the stacks are those of the last deployment, and of the same inputs.

    Parameters
    ----------
    context
        The settings of the deployment.
    record
        The file that :func:`record_deployment` wrote.
    """
    try:
        known = json.loads(record.read_bytes())
    except (OSError, ValueError):
        return False
    return bool(known == _state(target, context))


def record_deployment(target: Target, context: Mapping[str, str], record: Path) -> None:
    """Write what was deployed, and the stacks that came of it."""
    write_whole(record, json.dumps(_state(target, context)))


def inputs_fingerprint(folder: Path, context: Mapping[str, str]) -> str:
    """Return a hash of the settings and of every file that the app could be made from."""
    digest = hashlib.sha256(json.dumps(sorted(context.items())).encode())
    for file in _files(folder):
        body = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(folder)}\0{body}\0".encode())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in _NO_INPUT:
            continue
        for file in sorted(entry.rglob("*")) if entry.is_dir() else [entry]:
            if file.is_file() and file.suffix != ".pyc":
                yield file


def _state(target: Target, context: Mapping[str, str]) -> dict[str, object]:
    pages = target.client("cloudformation").get_paginator("describe_stacks").paginate()
    stacks = {
        stack["StackName"]: [
            stack["StackId"],
            stack["StackStatus"],
            stack.get("LastUpdatedTime", stack["CreationTime"]).isoformat(),
        ]
        for page in pages
        for stack in page["Stacks"]
    }
    return {"inputs": inputs_fingerprint(APP_FOLDER, context), "stacks": stacks}
