"""Registration: makes one version with a bundle from a finished run.

A bundle belongs to a version, but at training time there is only a run. So training keeps the
files of the bundles in its run: ``bundle`` is what serves, ``judged`` what is compared, if it is
another model. Registration makes the version and its bundles from these files. Every
step is safe to repeat: after an interruption, a call with the same run finishes the registration.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.bundle.content import Bundle, VersionBundles, digest_of, pack, unpack
from evergreen.bundle.store import save_bundle
from evergreen.datasets.holdout_predictions import HOLDOUT_FILE, holdout_key
from evergreen.errors import NotEnoughDataError, RegistryError
from evergreen.registry.reader import DECISION_RECORD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.clock import Clock
    from evergreen.registry.writer import Registry
    from evergreen.storage import Storage

BUNDLE_ARTIFACT = "bundle"
JUDGED_ARTIFACT = "judged"
_DIGEST = "bundle_digest"
_JUDGED_DIGEST = "judged_digest"
_SERVES = "serves"


@dataclass(frozen=True, slots=True)
class Challenger:
    """A challenger: a trained, registered and exported model that has no decision yet."""

    version: str
    run_id: str
    bundle: Bundle
    """What serves after a promotion."""


def keep_bundles(
    bundles: VersionBundles, holdout_file: bytes, run_id: str, scratch: Path, registry: Registry
) -> None:
    """Keep the files of a version's bundles and their digests in a run.

    Parameters
    ----------
    bundles
        The bundles; their version is not kept.
    holdout_file
        The judged model's predictions on its holdout; see
        :mod:`evergreen.datasets.holdout_predictions`.
    scratch
        An existing folder to write to.

    Raises
    ------
    RegistryError
        If MLflow refused or cannot be reached.
    """
    files = pack(bundles.serving)
    notes = {_DIGEST: digest_of(files)}
    if bundles.serves:
        notes[_SERVES] = bundles.serves
    if bundles.judged != bundles.serving:
        judged = pack(bundles.judged)
        _upload(judged, run_id, scratch, JUDGED_ARTIFACT, registry)
        notes[_JUDGED_DIGEST] = digest_of(judged)
    _upload({**files, HOLDOUT_FILE: holdout_file}, run_id, scratch, BUNDLE_ARTIFACT, registry)
    registry.note(run_id, notes)


def register_challenger(
    model: str,
    run_id: str,
    dataset_id: str,
    *,
    storage: Storage,
    registry: Registry,
    clock: Clock,
) -> Challenger:
    """Make a run's model a version with the alias ``challenger``, and store its bundles.

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
    files = _download(run_id, BUNDLE_ARTIFACT, registry)
    judged_digest, serves = notes.get(_JUDGED_DIGEST), notes.get(_SERVES)
    judged_files = _download(run_id, JUDGED_ARTIFACT, registry) if judged_digest else None
    # Serving does not use it, so the digest does not cover it.
    holdout_file = files.pop(HOLDOUT_FILE, None)
    # First, so that no version without usable bundles is made.
    serving = unpack(files, digest, run_id)
    judged = unpack(judged_files, judged_digest, run_id) if judged_files and judged_digest else None
    version = registry.register(model, run_id, dataset_id)
    try:
        bundle = replace(serving, version=version)
        if holdout_file is not None:
            storage.put(holdout_key(model, version), holdout_file)
        other = None if judged is None else replace(judged, version=version)
        uri, sha256 = save_bundle(storage, model, bundle, judged=other, serves=serves)
        registry.attach_bundle(model, version, uri, sha256, serves)
    except Exception as error:
        registry.archive(model, version, f"not finished: {error}", clock())
        raise
    return Challenger(version=version, run_id=run_id, bundle=bundle)


def _upload(
    files: Mapping[str, bytes], run_id: str, scratch: Path, name: str, registry: Registry
) -> None:
    folder = scratch / name
    folder.mkdir()
    for file, body in files.items():
        (folder / file).write_bytes(body)
    registry.upload(run_id, folder, name)


def _download(run_id: str, name: str, registry: Registry) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = registry.download(run_id, name, Path(scratch))
        return {file.name: file.read_bytes() for file in folder.iterdir()}
