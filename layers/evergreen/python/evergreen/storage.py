"""Storage: the objects of one S3 bucket, through a small typed interface."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Buffer, Iterator, Sequence
    from datetime import datetime

    from mypy_boto3_s3 import S3Client

_ABSENT = {"NoSuchKey", "404", "NotFound"}
_DENIED = {"AccessDenied", "403", "Forbidden"}
# NoSuchKey: the object to replace is gone.
_CONDITION_FAILED = {"PreconditionFailed", "412", "ConditionalRequestConflict", "NoSuchKey"}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a listing."""

    key: str
    size: int
    modified: datetime


class Objects(Protocol):
    """What is enough to read objects by their keys: a bucket, or a folder in its place."""

    def uri(self, key: str) -> str:
        """Return the address of an object."""

    def get(self, key: str) -> bytes | None:
        """Return an object's bytes, or None if there is none."""


class ObjectReader(io.RawIOBase):
    """An object as a file for reading; only the parts that are read are transferred.

    Parameters
    ----------
    client
        A boto3 S3 client.
    bucket, key
        The object.

    Raises
    ------
    FileNotFoundError
        If there is no such object, or if it is gone when it is read.
    """

    def __init__(self, client: S3Client, bucket: str, key: str) -> None:
        self._client = client
        self._place = (bucket, key)
        self._at = 0
        with self._expected():
            self._size = client.head_object(Bucket=bucket, Key=key)["ContentLength"]

    def readable(self) -> bool:
        """Return True: the file is readable."""
        return True

    def seekable(self) -> bool:
        """Return True: the file supports random access."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position, and return it as an offset from the start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        """Read the next bytes into the buffer; return their number."""
        room = memoryview(buffer)
        last = min(self._at + len(room), self._size) - 1
        if last < self._at:
            return 0
        bucket, key = self._place
        part = f"bytes={self._at}-{last}"
        with self._expected():
            answer = self._client.get_object(Bucket=bucket, Key=key, Range=part)
        body = answer["Body"].read()
        room[: len(body)] = body
        self._at += len(body)
        return len(body)

    @contextmanager
    def _expected(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            if not _is_absent(self._client, *self._place, error):
                raise
            raise FileNotFoundError("/".join(self._place)) from error


def _is_absent(client: S3Client, bucket: str, key: str, error: ClientError) -> bool:
    """Return whether the reason of an error is that there is no such object.

    S3 tells only those that may list the whole bucket that an object is not there. To all others
    it denies the access. Our roles list prefixes only, so the listing of the key itself decides.
    """
    code = error.response["Error"]["Code"]
    if code not in _DENIED:
        return code in _ABSENT
    try:
        found = client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    except ClientError:
        return False
    return all(item["Key"] != key for item in found.get("Contents", []))


class Storage:
    """Reads and writes objects of one bucket.

    Parameters
    ----------
    bucket
        Name of the bucket.
    client
        A boto3 S3 client.
    """

    def __init__(self, bucket: str, client: S3Client) -> None:
        self.bucket = bucket
        self._client = client

    def uri(self, key: str) -> str:
        """Return ``s3://bucket/key``."""
        return f"s3://{self.bucket}/{key}"

    def key(self, uri: str) -> str:
        """Return the key of ``s3://bucket/key``; the inverse of :meth:`uri`.

        Raises
        ------
        ValueError
            If it is in another bucket.
        """
        start = self.uri("")
        if not uri.startswith(start):
            raise ValueError(f"{uri!r} is not in the bucket {self.bucket!r}")
        return uri.removeprefix(start)

    def put(self, key: str, body: bytes) -> None:
        """Write an object; an existing object is replaced."""
        self._client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Write an object only if none exists; return whether it was written."""
        return self._put_on_condition(key, body, IfNoneMatch="*")

    def put_if_unchanged(self, key: str, body: bytes, etag: str) -> bool:
        """Replace an object only if it still has ``etag``; return whether it was written."""
        return self._put_on_condition(key, body, IfMatch=etag)

    def get(self, key: str) -> bytes | None:
        """Return an object's bytes, or None if there is none."""
        found = self.get_with_etag(key)
        return None if found is None else found[0]

    def get_with_etag(self, key: str) -> tuple[bytes, str] | None:
        """Return an object's bytes and ETag, or None if there is none."""
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if _is_absent(self._client, self.bucket, key, error):
                return None
            raise
        return answer["Body"].read(), answer["ETag"]

    def open(self, key: str) -> io.IOBase:
        """Return an object as a file; only the parts that are read are transferred.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        return ObjectReader(self._client, self.bucket, key)

    def put_json(self, key: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
        """Write a value as UTF-8 JSON."""
        self.put(key, json.dumps(value, ensure_ascii=False, indent=2).encode())

    def get_json(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value of a JSON object, or None if there is none."""
        body = self.get(key)
        return None if body is None else json.loads(body)

    def list(self, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        """Yield the objects below ``prefix`` in key order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, StartAfter=start_after
        )
        for page in pages:
            for item in page.get("Contents", []):
                yield StoredObject(item["Key"], item["Size"], item["LastModified"])

    def copy_from(self, source: Storage, key: str) -> None:
        """Copy an object of another bucket to the same key, inside S3."""
        self._client.copy({"Bucket": source.bucket, "Key": key}, self.bucket, key)

    def delete(self, key: str) -> None:
        """Delete an object; it is no error if there is none."""
        self._client.delete_object(Bucket=self.bucket, Key=key)

    def delete_below(self, prefix: str) -> int:
        """Delete every object below ``prefix`` and return their number."""
        keys = [item.key for item in self.list(prefix)]
        self.delete_all(keys)
        return len(keys)

    def delete_all(self, keys: Sequence[str]) -> None:
        """Delete objects, many in one call; deleting what is not there is no error."""
        for first in range(0, len(keys), 1000):
            batch = keys[first : first + 1000]
            self._client.delete_objects(
                Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in batch]}
            )

    def purge(self, prefix: str) -> int:
        """Delete every version below ``prefix`` that is not the current one; return their number.

        In a bucket with versions a replaced or deleted object is still there until then. Marks of
        deletion go too.
        """
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self.bucket, Prefix=prefix
        )
        gone = 0
        for page in pages:
            old = [each for each in page.get("Versions", []) if not each["IsLatest"]]
            marks = page.get("DeleteMarkers", [])
            found: list[Any] = [
                {"Key": each["Key"], "VersionId": each["VersionId"]} for each in [*old, *marks]
            ]
            for first in range(0, len(found), 1000):
                self._client.delete_objects(
                    Bucket=self.bucket, Delete={"Objects": found[first : first + 1000]}
                )
            gone += len(old)
        return gone

    def _put_on_condition(self, key: str, body: bytes, **condition: str) -> bool:
        try:
            self._client.put_object(Bucket=self.bucket, Key=key, Body=body, **condition)  # type: ignore[arg-type]
        except ClientError as error:
            if error.response["Error"]["Code"] in _CONDITION_FAILED:
                return False
            raise
        return True
