"""Backups of the production pointers: written to a file, and put back with what they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from evergreen.bundle.store import load_bundles
from evergreen.clock import Moment, utc_now
from evergreen.datasets.manifest import folder_key, read_manifest
from evergreen.errors import EvergreenError, PointerError
from evergreen.production import Production, ProductionPointer
from evergreen.registry.places import REGISTRY_PREFIX
from evergreen.storage import Storage
from local.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cli.shared.target import Target


class PointerBackup(BaseModel):
    """The production pointers of a deployment at one time."""

    model_config = ConfigDict(frozen=True)

    stage: str
    bucket: str
    """The data bucket that had what the pointers name."""
    created_at: Moment
    pointers: dict[str, ProductionPointer]
    """By model. The shadow slot is left empty: its challenger is one of a retraining that ends."""


def take_backup(target: Target) -> PointerBackup:
    """Read the pointers of every model that the stage has one for.

    A pointer that cannot be read is kept as the last one that can. A model without any is left out.
    """
    return PointerBackup(
        stage=target.stage,
        bucket=target.storage.bucket,
        created_at=utc_now(),
        pointers={
            model: pointer.model_copy(update={"shadow": None})
            for model, pointer in served_pointers(target).items()
        },
    )


def served_pointers(target: Target) -> dict[str, ProductionPointer]:
    """Read the pointer of each model of the stage that has one; the last that can be read."""
    client = target.client("ssm")
    production = Production(target.stage, client)
    prefix = f"/evergreen/{target.stage}/"
    pages = client.get_paginator("get_parameters_by_path").paginate(Path=prefix, Recursive=True)
    names = [each["Name"] for page in pages for each in page["Parameters"]]
    models = [name.split("/")[-2] for name in names if name.endswith("/production")]
    found = {model: production.read_last_valid(model) for model in sorted(models)}
    return {model: pointer for model, pointer in found.items() if pointer is not None}


def write_backup(backup: PointerBackup, file: Path) -> None:
    """Write a backup to a file, and the folder of the file if it is not there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, backup.model_dump_json(indent=2) + "\n")


def read_backup(file: Path) -> PointerBackup:
    """Read a backup.

    Raises
    ------
    EvergreenError
        If there is no such file, or it is not a backup.
    """
    try:
        return PointerBackup.model_validate_json(file.read_bytes())
    except FileNotFoundError as error:
        raise EvergreenError(
            "there is no such file", where=str(file), fix="`evergreen backup` writes one."
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise EvergreenError(
            f"it is not a backup: {place}: {first['msg']}",
            where=str(file),
            fix="Give a file that `evergreen backup` wrote.",
        ) from error


def restore_pointer(
    target: Target, model: str, pointer: ProductionPointer, say: Callable[[str], None]
) -> bool:
    """Put a pointer back; return whether that changed anything.

    If the bundle is in another bucket, of a deployment that was destroyed, it is copied first,
    with the data set that drift is measured against and the model's registry. Nothing is
    overwritten. The bundle's hashes are verified before the pointer is written.

    Raises
    ------
    BundleError
        If the bundle is not there, or was altered.
    EvergreenError
        If the data set is not there.
    """
    storage = target.storage
    url = urlsplit(pointer.bundle_uri)
    source = Storage(url.netloc, target.client("s3"))
    if source.bucket != storage.bucket:
        key = url.path.lstrip("/")
        for prefix in (
            f"{REGISTRY_PREFIX}{model}/",
            folder_key(model, pointer.reference_dataset_id),
            key,
        ):
            copied = _copy(source, storage, prefix)
            say(f"{copied} files of {prefix} copied from {source.bucket}")
        pointer = pointer.model_copy(update={"bundle_uri": storage.uri(key)})
    load_bundles(storage, pointer)
    read_manifest(storage, model, pointer.reference_dataset_id)
    production = Production(target.stage, target.client("ssm"))
    try:
        current = production.read(model)
    except PointerError:
        current = None
    if current is not None and current.model_copy(update={"shadow": None}) == pointer:
        return False
    production.write(model, pointer)
    return True


def _copy(source: Storage, target: Storage, prefix: str) -> int:
    """Copy what is below a prefix and not in the target yet; return the number of objects."""
    there = {item.key for item in target.list(prefix)}
    keys = [item.key for item in source.list(prefix) if item.key not in there]
    for key in keys:
        target.copy_from(source, key)
    return len(keys)


def delete_pointers(target: Target, pointers: Mapping[str, ProductionPointer]) -> None:
    """Delete the pointers of these models, with the history that Parameter Store keeps of each."""
    client = target.client("ssm")
    production = Production(target.stage, client)
    for model in pointers:
        client.delete_parameter(Name=production.parameter(model))
