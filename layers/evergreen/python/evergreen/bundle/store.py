"""The bundle store: the artefact that serves, as files with a SHA-256 each, without pickle.

A bundle has three files at ``bundles/<model>/<version>/``: ``model.onnx``, ``signature.json`` and
``manifest.json``. If the model that serves is not the one that is compared
(:mod:`evergreen.training.refit`), the folder ``judged/`` has the first two files of the latter. The
manifest has the hashes of all the others. The production pointer has the hash of the manifest, so
one hash verifies all files.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from evergreen.errors import BundleError
from evergreen.model_definition import Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.model_definition import ModelDefinition
    from evergreen.production import ProductionPointer, ShadowSlot
    from evergreen.storage import Storage

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ONNX = "model.onnx"
_SIGNATURE = "signature.json"
_MANIFEST = "manifest.json"
_JUDGED = "judged/"


class TrainedFeature(BaseModel):
    """One input of the model, with its range or categories in training."""

    model_config = ConfigDict(frozen=True)

    name: str
    type: Literal["float", "integer", "boolean", "category"]
    nullable: bool = False
    min: float | None = None
    """Smallest and largest value in training; None for categories or if all were missing."""
    max: float | None = None
    categories: tuple[str, ...] | None = None
    """Categories in training, sorted; None for numbers."""
    closed: bool = False
    """Whether the model takes only the categories of training, because its encoder fails on any
    other."""
    redacted: bool = False
    """Whether the definition that it was trained with kept the feature out of the log."""


class Signature(BaseModel):
    """The inputs and outputs of a model."""

    model_config = ConfigDict(frozen=True)

    task: Task
    target: str
    features: tuple[TrainedFeature, ...]
    classes: tuple[str, ...] | None = None
    """Class labels as text, in the model's order; None unless classification."""
    class_type: Literal["string", "integer", "boolean"] = "string"
    """The JSON type of a label in an answer."""
    probabilities: bool = False
    """Whether the model's second output is the probability of each class."""
    decides: Literal["model", "scores"] = "model"
    """What gives the label: the model's first output, or the probabilities by
    :func:`evergreen.bundle.labels.choose_classes`."""
    threshold: float | None = None
    """Least probability with which the second of two classes is predicted, if it is not the larger
    one that decides."""
    output_range: tuple[float, float] | None = None
    """Smallest and largest output on the rows of training; None for classes."""
    label_range: tuple[float, float] | None = None
    """Smallest and largest label in training; None for classes, and of older versions."""


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True)

    model: str
    version: str
    files: dict[str, str]
    judged: dict[str, str] | None = None
    """Hashes of the files below ``judged/``; None where the model that serves is the judged one."""
    serves: str | None = None
    """What serves, in words; None for versions that were made before there was a choice."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model that can serve.

    Parameters
    ----------
    version
        The registry's version.
    signature
        Inputs, outputs, and their ranges in training.
    onnx
        The model, serialised.
    """

    version: str
    signature: Signature
    onnx: bytes

    def check_fits(self, definition: ModelDefinition) -> None:
        """Check that the model takes the rows that ``definition`` describes.

        Raises
        ------
        BundleError
            If task, or names, order or types of features differ.
        """
        defined = [(name, feature.type) for name, feature in definition.features.items()]
        trained = [(feature.name, feature.type) for feature in self.signature.features]
        if defined != trained or definition.task != self.signature.task:
            raise BundleError(
                f"version {self.version} was trained for {self.signature.task} on {trained}, "
                f"the rows are for {definition.task} on {defined}",
                where=definition.name,
                fix="Train a version for the current definition.",
            )


@dataclass(frozen=True, slots=True)
class VersionBundles:
    """The two bundles of a version.

    Parameters
    ----------
    serving
        What answers, and what the shadow stage scores.
    judged
        What is compared: it has not seen its holdout. Often the same as ``serving``.
    serves
        What ``serving`` was fitted on, in words; None for versions that were made before there was
        a choice.
    """

    serving: Bundle
    judged: Bundle
    serves: str | None = None


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
    storage.put(key + _MANIFEST, body)
    return storage.uri(key), _sha256(body)


def _put_files(storage: Storage, key: str, bundle: Bundle) -> dict[str, str]:
    files = pack(bundle)
    for name, body in files.items():
        storage.put(key + name, body)
    return {name: _sha256(body) for name, body in files.items()}


def pack(bundle: Bundle) -> dict[str, bytes]:
    """Return the files of a bundle by name, without the manifest, which names the version."""
    return {
        _ONNX: bundle.onnx,
        _SIGNATURE: bundle.signature.model_dump_json(indent=2).encode(),
    }


def unpack(files: Mapping[str, bytes], sha256: str, version: str) -> Bundle:
    """Make the bundle of a version from packed files; the inverse of :func:`pack`.

    Parameters
    ----------
    files
        The result of :func:`pack`.
    sha256
        The result of :func:`digest_of` for these files.

    Raises
    ------
    BundleError
        If the files do not match the digest.
    """
    if files.keys() != {_ONNX, _SIGNATURE} or digest_of(files) != sha256:
        raise BundleError(
            "the files are not those that training stored", where=version, fix="Train again."
        )
    signature = Signature.model_validate_json(files[_SIGNATURE])
    return Bundle(version=version, signature=signature, onnx=files[_ONNX])


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return one SHA-256 over the names and contents of packed files."""
    lines = [f"{_sha256(body)}  {name}\n" for name, body in sorted(files.items())]
    return _sha256("".join(lines).encode())


def load_bundle(storage: Storage, pointer: ProductionPointer | ShadowSlot) -> Bundle:
    """Read the bundle that a pointer names, verifying the hash of every file.

    Raises
    ------
    BundleError
        If the bundle is in another bucket, incomplete, altered, or of another version.
    """
    key, manifest = _manifest_of(storage, pointer)
    return _bundle(storage, key, manifest.version, manifest.files)


def load_bundles(storage: Storage, pointer: ProductionPointer) -> VersionBundles:
    """Read what serves and what is compared of the version that a pointer names.

    Raises
    ------
    BundleError
        As :func:`load_bundle` does, for either.
    """
    key, manifest = _manifest_of(storage, pointer)
    serving = _bundle(storage, key, manifest.version, manifest.files)
    if manifest.judged is None:
        return VersionBundles(serving, serving, manifest.serves)
    judged = _bundle(storage, key + _JUDGED, manifest.version, manifest.judged)
    return VersionBundles(serving, judged, manifest.serves)


def stored_bundle(storage: Storage, model: str, version: str) -> tuple[str, str]:
    """Return the URI of a version's bundle and the SHA-256 of its manifest, from the bucket.

    Raises
    ------
    BundleError
        If there is no such bundle.
    """
    key = bundle_key(model, version)
    body = storage.get(key + _MANIFEST)
    if body is None:
        raise BundleError("file not found", where=storage.uri(key + _MANIFEST))
    return storage.uri(key), _sha256(body)


def read_signature(storage: Storage, pointer: ProductionPointer | ShadowSlot) -> Signature:
    """Read only the signature of the bundle that a pointer names, and verify its hash.

    Raises
    ------
    BundleError
        As :func:`load_bundle` does.
    """
    key, manifest = _manifest_of(storage, pointer)
    body = _verified(storage, key + _SIGNATURE, manifest.files[_SIGNATURE])
    return _signature(key, body)


def delete_bundle(storage: Storage, model: str, version: str) -> None:
    """Delete a bundle's files; it is no error if there are none."""
    storage.delete_below(bundle_key(model, version))


def _manifest_of(
    storage: Storage, pointer: ProductionPointer | ShadowSlot
) -> tuple[str, _Manifest]:
    """Return the prefix of the files that a pointer names, and their verified manifest."""
    key = pointer.bundle_uri.removeprefix(storage.uri("bundles/"))
    if key == pointer.bundle_uri or not key.endswith("/"):
        raise BundleError(
            "not a bundle of this deployment", where=pointer.bundle_uri, fix="Promote again."
        )
    key = f"bundles/{key}"
    body = _verified(storage, key + _MANIFEST, pointer.sha256)
    try:
        manifest = _Manifest.model_validate(json.loads(body))
    except ValueError as error:  # pydantic's errors are ValueErrors too
        raise BundleError(f"not readable: {error}", where=key) from error
    complete = all(
        files.keys() == {_ONNX, _SIGNATURE}
        for files in (manifest.files, manifest.judged)
        if files is not None
    )
    if manifest.version != pointer.version or not complete:
        raise BundleError(f"its manifest is not that of version {pointer.version}", where=key)
    return key, manifest


def _bundle(storage: Storage, key: str, version: str, files: Mapping[str, str]) -> Bundle:
    return Bundle(
        version=version,
        signature=_signature(key, _verified(storage, key + _SIGNATURE, files[_SIGNATURE])),
        onnx=_verified(storage, key + _ONNX, files[_ONNX]),
    )


def _signature(key: str, body: bytes) -> Signature:
    try:
        return Signature.model_validate_json(body)
    except ValidationError as error:
        raise BundleError(f"not readable: {error}", where=key) from error


def _verified(storage: Storage, key: str, sha256: str) -> bytes:
    body = storage.get(key)
    if body is None:
        raise BundleError("file not found", where=storage.uri(key), fix="Promote again.")
    if _sha256(body) != sha256:
        raise BundleError(
            f"its SHA-256 is {_sha256(body)}, the promoted file had {sha256}",
            where=storage.uri(key),
            fix="The file was altered after promotion. Promote again.",
        )
    return body


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
