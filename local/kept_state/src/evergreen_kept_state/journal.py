"""What is kept, on disk: a database of records, and a file for each object's body.

A record is written when its body is whole, in one transaction. So a kill at any time leaves what
was answered, and at most bodies without a record, which the next start deletes.
"""

from __future__ import annotations

import logging
import sqlite3
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  bucket TEXT, key TEXT, version TEXT, record BLOB NOT NULL, body TEXT, size INTEGER NOT NULL,
  PRIMARY KEY (bucket, key, version)
);
CREATE TABLE IF NOT EXISTS parameters (
  account TEXT, region TEXT, name TEXT, versions TEXT NOT NULL,
  PRIMARY KEY (account, region, name)
);
"""
_DATABASE = "state.sqlite"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptObject:
    """One version of an object, or a delete marker.

    Parameters
    ----------
    bucket, key, version
        Which one.
    record
        What LocalStack knows of it, encoded.
    body
        Name of the file with its body; None for a delete marker.
    size
        Bytes of the body.
    """

    bucket: str
    key: str
    version: str
    record: bytes
    body: str | None = None
    size: int = 0


class Journal:
    """Keeps objects and parameters in a folder; several threads may use it.

    A folder that cannot be read is put aside, and an empty one takes its place.

    Parameters
    ----------
    folder
        Its files; it is made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._open(folder)
        except sqlite3.DatabaseError as error:
            self.close()
            aside = folder.with_name(f"{folder.name}.damaged-{time.time_ns()}")
            _LOG.error("cannot read %s: %s; it is now %s", folder, error, aside)
            folder.rename(aside)
            self._open(folder)

    def _open(self, folder: Path) -> None:
        self._bodies = folder / "bodies"
        self._bodies.mkdir(parents=True, exist_ok=True)
        self._lock = Lock()
        self._database = sqlite3.connect(
            folder / _DATABASE, check_same_thread=False, isolation_level=None
        )
        # A killed process loses nothing: the system still writes what it was given.
        self._database.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + _SCHEMA
        )
        [found] = self._database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        named = {name for (name,) in self._database.execute("SELECT body FROM objects")}
        for path in self._bodies.iterdir():
            if path.name not in named:
                path.unlink()

    def write_body(self, chunks: Iterable[bytes]) -> str:
        """Write a body that no record names yet; return the name of its file."""
        name = uuid.uuid4().hex
        with self.path(name).open("wb") as file:
            file.writelines(chunks)
        return name

    def path(self, body: str) -> Path:
        """Return the file of a body."""
        return self._bodies / body

    def delete_body(self, body: str) -> None:
        """Delete the file of a body that no record names any more."""
        with suppress(FileNotFoundError):
            self.path(body).unlink()

    def save_object(self, kept: KeptObject) -> None:
        """Keep one version of an object as the newest of its key."""
        self._change(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)",
            (kept.bucket, kept.key, kept.version, kept.record, kept.body, kept.size),
        )

    def forget_object(self, bucket: str, key: str, version: str) -> None:
        """Forget one version of an object; its body stays for those who read it."""
        self._change(
            "DELETE FROM objects WHERE bucket = ? AND key = ? AND version = ?",
            (bucket, key, version),
        )

    def objects(self, bucket: str) -> Iterator[KeptObject]:
        """Yield what a bucket has, each key's oldest version first.

        What has no whole body any more, after a loss of power, is left out.
        """
        with self._lock:
            rows = self._database.execute(
                "SELECT bucket, key, version, record, body, size FROM objects"
                " WHERE bucket = ? ORDER BY rowid",
                (bucket,),
            ).fetchall()
        for kept in (KeptObject(*row) for row in rows):
            if kept.body is None or self._is_whole(kept.body, kept.size):
                yield kept
            else:
                _LOG.error("the body of s3://%s/%s is not whole; it is lost", bucket, kept.key)
                self.forget_object(bucket, kept.key, kept.version)

    def save_parameter(self, account: str, region: str, name: str, versions: str | None) -> None:
        """Keep all versions of a parameter, encoded; None: forget it."""
        if versions is None:
            self._change(
                "DELETE FROM parameters WHERE account = ? AND region = ? AND name = ?",
                (account, region, name),
            )
        else:
            self._change(
                "INSERT OR REPLACE INTO parameters VALUES (?, ?, ?, ?)",
                (account, region, name, versions),
            )

    def parameters(self) -> list[tuple[str, str, str, str]]:
        """Return account, region, name and encoded versions of each parameter."""
        with self._lock:
            return self._database.execute(
                "SELECT account, region, name, versions FROM parameters ORDER BY name"
            ).fetchall()

    def close(self) -> None:
        """Close the database; nothing can be kept from then on."""
        self._database.close()

    def _change(self, statement: str, values: tuple[object, ...]) -> None:
        with self._lock:
            self._database.execute(statement, values)

    def _is_whole(self, body: str, size: int) -> bool:
        try:
            return self.path(body).stat().st_size == size
        except FileNotFoundError:
            return False
