"""The bundle store: the artefact that serves, as files with a SHA-256 each, without pickle.

A bundle has three files at ``bundles/<model>/<version>/``: ``model.onnx``, ``signature.json`` and
``manifest.json``. One that scikit-learn serves has ``model.skops`` for the first, and the
``training.py`` of its own classes if it has any. If the model that serves is not the one that is
compared (:mod:`evergreen.training.refit`), the folder ``judged/`` has the files of the latter but
the manifest. The manifest has the hashes of all the others. The production pointer has the hash of
the manifest, so one hash verifies all files.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from evergreen.bundle.content import (
    CODE_FILE,
    SIGNATURE_FILE,
    Bundle,
    Signature,
    VersionBundles,
    model_file,
    pack,
    sha256_of,
)
from evergreen.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.production import ProductionPointer, ShadowSlot
    from evergreen.storage import Objects, Storage

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MANIFEST = "manifest.json"
_JUDGED = "judged/"


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True)

    model: str
    version: str
    files: dict[str, str]
    judged: dict[str, str] | None = None
    """Hashes of the files below ``judged/``; None where the model that serves is the judged one."""
    serves: str | None = None
    """What serves, in words; None for versions that were made before there was a choice."""


def bundle_key(model: str, version: str) -> str:
    """Return the prefix of a bundle's files, with the slash.

    Raises
    ------
    BundleError
        If the version contains characters that a key must not have.
    """
    if not _VERSION.fullmatch(version):
        raise BundleError(f"{version!r} is not a version", where=model)
    return f"bundles/{model}/{version}/"


def save_bundle(
    storage: Storage,
    model: str,
    bundle: Bundle,
    *,
    judged: Bundle | None = None,
    serves: str | None = None,
) -> tuple[str, str]:
    """Write a bundle and return its URI and the SHA-256 of its manifest.

    The manifest is written last, so a bundle with a manifest is complete.

    Parameters
    ----------
    judged
        The model that is compared, where it is another one; of the same version.
    serves
        What serves, in words.
    """
    key = bundle_key(model, bundle.version)
    manifest = _Manifest(
        model=model,
        version=bundle.version,
        files=_put_files(storage, key, bundle),
        judged=None if judged is None else _put_files(storage, key + _JUDGED, judged),
        serves=serves,
    )
    body = manifest.model_dump_json(indent=2).encode()
    storage.put(key + MANIFEST, body)
    return storage.uri(key), sha256_of(body)


def _put_files(storage: Storage, key: str, bundle: Bundle) -> dict[str, str]:
    files = pack(bundle)
    for name, body in files.items():
        storage.put(key + name, body)
    return {name: sha256_of(body) for name, body in files.items()}


def load_bundle(
    storage: Objects,
    pointer: ProductionPointer | ShadowSlot,
    trusted: frozenset[str] = frozenset(),
) -> Bundle:
    """Read the bundle that a pointer names, verifying the hash of every file.

    Parameters
    ----------
    trusted
        The deployment's ``trusted_types``: names of the model's own that may be run.

    Raises
    ------
    BundleError
        If the bundle is in another bucket, incomplete, altered, or of another version.
    """
    key, manifest = _manifest_of(storage, pointer)
    return _bundle(storage, key, manifest.version, manifest.files, trusted)


def load_bundles(
    storage: Objects, pointer: ProductionPointer, trusted: frozenset[str] = frozenset()
) -> VersionBundles:
    """Read what serves and what is compared of the version that a pointer names.

    The parameters are those of :func:`load_bundle`.

    Raises
    ------
    BundleError
        As :func:`load_bundle` does, for either.
    """
    key, manifest = _manifest_of(storage, pointer)
    serving = _bundle(storage, key, manifest.version, manifest.files, trusted)
    if manifest.judged is None:
        return VersionBundles(serving, serving, manifest.serves)
    judged = _bundle(storage, key + _JUDGED, manifest.version, manifest.judged, trusted)
    return VersionBundles(serving, judged, manifest.serves)


def stored_bundle(storage: Storage, model: str, version: str) -> tuple[str, str]:
    """Return the URI of a version's bundle and the SHA-256 of its manifest, from the bucket.

    Raises
    ------
    BundleError
        If there is no such bundle.
    """
    key = bundle_key(model, version)
    body = storage.get(key + MANIFEST)
    if body is None:
        raise BundleError("file not found", where=storage.uri(key + MANIFEST))
    return storage.uri(key), sha256_of(body)


def signature_of_version(storage: Storage, model: str, version: str) -> Signature:
    """Read the signature of a version, as it is in the bucket; no pointer vouches for its hash.

    Raises
    ------
    BundleError
        If there is no such bundle, or it is not readable.
    """
    key = bundle_key(model, version)
    body = storage.get(key + SIGNATURE_FILE)
    if body is None:
        raise BundleError("file not found", where=storage.uri(key + SIGNATURE_FILE))
    return _signature(key, body)


def read_signature(storage: Objects, pointer: ProductionPointer | ShadowSlot) -> Signature:
    """Read only the signature of the bundle that a pointer names, and verify its hash.

    Raises
    ------
    BundleError
        As :func:`load_bundle` does.
    """
    key, manifest = _manifest_of(storage, pointer)
    body = _verified(storage, key + SIGNATURE_FILE, manifest.files[SIGNATURE_FILE])
    return _signature(key, body)


def delete_bundle(storage: Storage, model: str, version: str) -> None:
    """Delete a bundle's files; it is no error if there are none."""
    storage.delete_below(bundle_key(model, version))


def _manifest_of(
    storage: Objects, pointer: ProductionPointer | ShadowSlot
) -> tuple[str, _Manifest]:
    """Return the prefix of the files that a pointer names, and their verified manifest."""
    key = pointer.bundle_uri.removeprefix(storage.uri("bundles/"))
    if key == pointer.bundle_uri or not key.endswith("/"):
        raise BundleError(
            "not a bundle of this deployment", where=pointer.bundle_uri, fix="Promote again."
        )
    key = f"bundles/{key}"
    body = _verified(storage, key + MANIFEST, pointer.sha256)
    try:
        manifest = _Manifest.model_validate(json.loads(body))
    except ValueError as error:  # pydantic's errors are ValueErrors too
        raise BundleError(f"not readable: {error}", where=key) from error
    complete = all(
        model_file(files) is not None
        for files in (manifest.files, manifest.judged)
        if files is not None
    )
    if manifest.version != pointer.version or not complete:
        raise BundleError(f"its manifest is not that of version {pointer.version}", where=key)
    return key, manifest


def _bundle(
    storage: Objects, key: str, version: str, files: Mapping[str, str], trusted: frozenset[str]
) -> Bundle:
    found = {name: _verified(storage, key + name, sha256) for name, sha256 in files.items()}
    name = model_file(found)
    assert name is not None  # the manifest was checked
    return Bundle(
        version=version,
        signature=_signature(key, found[SIGNATURE_FILE]),
        model=found[name],
        code=found.get(CODE_FILE),
        trusted=trusted,
    )


def _signature(key: str, body: bytes) -> Signature:
    try:
        return Signature.model_validate_json(body)
    except ValidationError as error:
        raise BundleError(f"not readable: {error}", where=key) from error


def _verified(storage: Objects, key: str, sha256: str) -> bytes:
    body = storage.get(key)
    if body is None:
        raise BundleError("file not found", where=storage.uri(key), fix="Promote again.")
    if sha256_of(body) != sha256:
        raise BundleError(
            f"its SHA-256 is {sha256_of(body)}, the promoted file had {sha256}",
            where=storage.uri(key),
            fix="The file was altered after promotion. Promote again.",
        )
    return body
