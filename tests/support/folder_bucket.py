"""Storage in a folder instead of a bucket, for tests that an emulator would slow down."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from evergreen.storage import Storage, StoredObject
from tests.support.killed import Killed

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mypy_boto3_s3 import S3Client


class Folder(Storage):
    """Storage in a folder instead of a bucket."""

    def __init__(self, path: Path, name: str = "bucket") -> None:
        super().__init__(name, cast("S3Client", None))
        self._path = path

    def put(self, key: str, body: bytes) -> None:
        file = self._path / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        if (self._path / key).exists():
            return False
        self.put(key, body)
        return True

    def get(self, key: str) -> bytes | None:
        file = self._path / key
        return file.read_bytes() if file.is_file() else None

    def open(self, key: str) -> io.IOBase:
        return (self._path / key).open("rb")

    def list(self, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        below = self._path / prefix.rpartition("/")[0]
        root = len(f"{self._path}/")
        files = {str(file)[root:]: file for file in below.rglob("*") if file.is_file()}
        for key in sorted(files):
            if key.startswith(prefix) and key > start_after:
                yield StoredObject(key, files[key].stat().st_size, datetime.now(UTC))

    def delete(self, key: str) -> None:
        (self._path / key).unlink(missing_ok=True)

    def delete_all(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.delete(key)


class Mortal(Folder):
    """A bucket whose process ends before one of its changes; moto forgets no process."""

    def __init__(self, path: Path, changes: int) -> None:
        super().__init__(path)
        self.changes_left = changes

    def put(self, key: str, body: bytes) -> None:
        self._change()
        super().put(key, body)

    def delete(self, key: str) -> None:
        self._change()
        super().delete(key)

    def _change(self) -> None:
        if not self.changes_left:
            raise Killed
        self.changes_left -= 1
