"""Registration: makes one version with a bundle from a finished run.

A bundle belongs to a version, but at training time there is only a run. So training keeps the
bundle's files in its run. Registration makes the version and its bundle from these files. Every
step is safe to repeat: after an interruption, a call with the same run finishes the registration.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.bundle.store import Bundle, digest_of, pack, save_bundle, unpack
from evergreen.datasets.holdout_predictions import HOLDOUT_FILE, holdout_key
from evergreen.errors import NotEnoughDataError, RegistryError
from evergreen.registry.reader import DECISION_RECORD

if TYPE_CHECKING:
    from evergreen.clock import Clock
    from evergreen.registry.writer import Registry
    from evergreen.storage import Storage

BUNDLE_ARTIFACT = "bundle"
_DIGEST = "bundle_digest"


@dataclass(frozen=True, slots=True)
class Challenger:
    """A challenger: a trained, registered and exported model that has no decision yet."""

    version: str
    run_id: str
    bundle: Bundle


def keep_bundle(
    bundle: Bundle, holdout_file: bytes, run_id: str, scratch: Path, registry: Registry
) -> None:
    """Keep the files of a bundle and their digest in a run.

    Parameters
    ----------
    bundle
        The bundle; its version is not kept.
    holdout_file
        Its predictions on its holdout; see :mod:`evergreen.datasets.holdout_predictions`.
    scratch
        An existing folder to write to.

    Raises
    ------
    RegistryError
        If MLflow refused or cannot be reached.
    """
    folder = scratch / BUNDLE_ARTIFACT
    folder.mkdir()
    files = pack(bundle)
    for name, body in {**files, HOLDOUT_FILE: holdout_file}.items():
        (folder / name).write_bytes(body)
    registry.upload(run_id, folder, BUNDLE_ARTIFACT)
    registry.note(run_id, {_DIGEST: digest_of(files)})


def register_challenger(
    model: str,
    run_id: str,
    dataset_id: str,
    *,
    storage: Storage,
    registry: Registry,
    clock: Clock,
) -> Challenger:
    """Make a run's model a version with the alias ``challenger``, and store its bundle.

    Parameters
    ----------
    model
        The model's name.
    run_id
        A finished run.
    dataset_id
        The data set that it was trained on.
    storage
        The data bucket, for the bundle.
    registry
        Where run and version are.
    clock
        Gives the time of an archiving.

    Raises
    ------
    NotEnoughDataError
        If the run's model was already promoted or rejected. The same code on the same rows makes
        the same model, and there are no new rows.
    RegistryError
        If the run has no bundle, or MLflow cannot be reached.
    BundleError
        If the files in the run are not those that training stored.
    """
    notes = registry.notes(run_id)
    if decided := notes.get(DECISION_RECORD):
        raise NotEnoughDataError(
            f"there are no new rows since version {notes.get('model_version')} was trained on data "
            f"set {dataset_id}, and that version already has a decision: {decided}",
            where=model,
            fix="Wait for more labelled rows.",
        )
    digest = notes.get(_DIGEST)
    if digest is None:
        raise RegistryError(
            "the run has no bundle", where=f"{model} {run_id}", fix="Train a new one."
        )
    with tempfile.TemporaryDirectory() as scratch:
        folder = registry.download(run_id, BUNDLE_ARTIFACT, Path(scratch))
        files = {file.name: file.read_bytes() for file in folder.iterdir()}
    # Serving does not use it, so the digest does not cover it.
    holdout_file = files.pop(HOLDOUT_FILE, None)
    unpack(files, digest, run_id)  # first, so that no version without a usable bundle is made
    version = registry.register(model, run_id, dataset_id)
    try:
        bundle = unpack(files, digest, version)
        if holdout_file is not None:
            storage.put(holdout_key(model, version), holdout_file)
        uri, sha256 = save_bundle(storage, model, bundle)
        registry.attach_bundle(model, version, uri, sha256)
    except Exception as error:
        registry.archive(model, version, f"not finished: {error}", clock())
        raise
    return Challenger(version=version, run_id=run_id, bundle=bundle)
