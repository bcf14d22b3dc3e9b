"""The objects of versioned buckets: written to the journal before S3 answers, and found again.

LocalStack holds small bodies in memory and large ones in files without a name. Here the body of a
kept object is moved to a file of the journal, which is read from then on. A new bucket of the same
name finds the objects again when it gets versions.
"""

from __future__ import annotations

import io
import logging
import pickle
from typing import TYPE_CHECKING, Any

from localstack.services.s3 import models
from localstack.services.s3.constants import S3_CHUNK_SIZE
from localstack.services.s3.storage import ephemeral

from evergreen_kept_state.journal import KeptObject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from evergreen_kept_state.journal import Journal

_BODY = "kept_body"
"""Attribute of an object in LocalStack: the name of its body's file."""

_LOG = logging.getLogger(__name__)


class _KeptFile(ephemeral.LockedFileMixin, io.FileIO):  # type: ignore[misc]
    """The file of a body, as LocalStack wants a file."""


class _OpenedBody(ephemeral.EphemeralS3StoredObject):  # type: ignore[misc]
    def close(self) -> None:
        super().close()
        self.file.close()


class _KeptVersions(models.VersionedKeyStore):  # type: ignore[misc]
    """The objects of a bucket with versions."""

    def __init__(self, journal: Journal, bucket: str, stores: list[Any]) -> None:
        super().__init__()
        self._journal = journal
        self._bucket = bucket
        self._stores = stores
        for kept in journal.objects(bucket):
            if (found := _decode(kept)) is not None:
                super().set(kept.key, found)

    def set(self, object_key: str, s3_object: Any) -> None:
        if not isinstance(s3_object, models.S3DeleteMarker):
            _move_body(self._journal, self._stores[0], self._bucket, s3_object)
        self._journal.save_object(_encode(self._bucket, s3_object))
        super().set(object_key, s3_object)

    def pop(self, object_key: str, version_id: Any = None, default: Any = None) -> Any:
        self._journal.forget_object(self._bucket, object_key, version_id)
        return super().pop(object_key, version_id, default)


def keep_objects(journal: Journal, is_kept: Callable[[str], bool]) -> None:
    """Let LocalStack keep what the versioned buckets have whose name is kept."""
    stores: list[Any] = []
    _patch_stores(journal, stores)
    _patch_buckets(journal, is_kept, stores)


def _patch_stores(journal: Journal, stores: list[Any]) -> None:
    store = ephemeral.EphemeralS3ObjectStore
    usual_create, usual_open, usual_remove = store.create_bucket, store.open, store.remove

    def create_bucket(self: Any, bucket: str) -> None:
        stores[:] = [self]
        usual_create(self, bucket)

    def open_body(self: Any, bucket: str, s3_object: Any, mode: str = "r") -> Any:
        body = getattr(s3_object, _BODY, None)
        if mode != "r" or body is None:
            return usual_open(self, bucket, s3_object, mode=mode)
        file = _KeptFile(journal.path(body))
        file.internal_last_modified = s3_object.internal_last_modified
        return _OpenedBody(s3_object, file)

    def remove(self: Any, bucket: str, s3_object: Any) -> None:
        usual_remove(self, bucket, s3_object)
        for each in s3_object if isinstance(s3_object, list) else [s3_object]:
            if body := getattr(each, _BODY, None):
                journal.delete_body(body)

    store.create_bucket, store.open, store.remove = create_bucket, open_body, remove


def _patch_buckets(journal: Journal, is_kept: Callable[[str], bool], stores: list[Any]) -> None:
    usual_init = models.S3Bucket.__init__
    usual_versions = models.VersionedKeyStore.from_key_store

    def init(self: Any, name: str, *args: Any, **options: Any) -> None:
        usual_init(self, name, *args, **options)
        self.objects.bucket = name

    def from_key_store(_: Any, keystore: Any) -> Any:
        bucket = getattr(keystore, "bucket", None)
        if bucket is None or not is_kept(bucket):
            return usual_versions(keystore)
        versions = _KeptVersions(journal, bucket, stores)
        for each in keystore.values():  # as the usual one does
            each.version_id = "null"
            versions.set(each.key, each)
        return versions

    models.S3Bucket.__init__ = init
    models.VersionedKeyStore.from_key_store = classmethod(from_key_store)


def _move_body(journal: Journal, store: Any, bucket: str, s3_object: Any) -> None:
    """Move the body that was just written into the journal."""
    files = store._filesystem[bucket]["keys"]
    name = store._key_from_s3_object(s3_object)
    file = files.get(name)
    if file is None:
        return  # a change of what is known of it; its body is in the journal already
    with file.position_lock:
        file.seek(0)
        body = journal.write_body(_chunks(file))
    old, s3_object.kept_body = getattr(s3_object, _BODY, None), body
    if old:
        journal.delete_body(old)
    del files[name]


def _chunks(file: Any) -> Iterator[bytes]:
    while data := file.read(S3_CHUNK_SIZE):
        yield data


def _encode(bucket: str, known: Any) -> KeptObject:
    return KeptObject(
        bucket,
        known.key,
        known.version_id,
        pickle.dumps(vars(known)),
        getattr(known, _BODY, None),
        getattr(known, "size", 0),
    )


def _decode(kept: KeptObject) -> Any:
    """Return LocalStack's object, or None if this LocalStack cannot read it."""
    made = (
        models.S3DeleteMarker(kept.key, kept.version)
        if kept.body is None
        else models.S3Object(kept.key, version_id=kept.version)
    )
    try:
        vars(made).update(pickle.loads(kept.record))  # noqa: S301 - our own file
    except Exception:  # noqa: BLE001 - whatever it is, the other objects are to be found
        _LOG.exception("cannot read what is kept of s3://%s/%s", kept.bucket, kept.key)
        return None
    made.is_current = True  # until a newer one of its key is set
    return made
