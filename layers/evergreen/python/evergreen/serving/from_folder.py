"""Serving without AWS: a bundle in a folder, and a request log in files."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4
from weakref import finalize

from evergreen.bundle.content import sha256_of
from evergreen.bundle.store import MANIFEST, bundle_key
from evergreen.clock import Clock, utc_now
from evergreen.errors import LogDeliveryError, PointerError
from evergreen.production import ProductionPointer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class BundleFolder:
    """A bundle in a folder, in the place of the data bucket and of the production pointer.

    A new bundle in the same folder is noticed as a promotion is. Its files are checked against its
    manifest; nothing checks the manifest itself, because there is no pointer.

    Parameters
    ----------
    folder
        It has ``manifest.json`` and the files that this names.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def uri(self, key: str) -> str:
        """Return the address of a file by the key that it has in a bucket."""
        return f"file:{key}"

    def get(self, key: str) -> bytes | None:
        """Return a file's bytes by the key that it has in a bucket, or None if there is none."""
        _, _, _, name = key.split("/", 3)  # after bundles/<model>/<version>/
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def read(self, model: str) -> ProductionPointer | None:
        """Return a pointer to the bundle.

        Raises
        ------
        PointerError
            If the folder has no manifest, or one of another model.
        """
        file = self._folder / MANIFEST
        try:
            body = file.read_bytes()
            told = json.loads(body)
            named, version = str(told["model"]), str(told["version"])
        except FileNotFoundError as error:
            raise PointerError(
                "there is no bundle here",
                where=str(file),
                fix="Name the folder that has manifest.json and the files that it names.",
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise PointerError("not a manifest of a bundle", where=str(file)) from error
        if named != model:
            raise PointerError(f"it is a bundle of {named!r}, not of {model!r}", where=str(file))
        return ProductionPointer(
            version=version,
            bundle_uri=self.uri(bundle_key(model, version)),
            sha256=sha256_of(body),
            reference_dataset_id="",
            promoted_at=datetime.fromtimestamp(file.stat().st_mtime, UTC),
        )

    def read_last_valid(self, model: str) -> ProductionPointer | None:
        """Return the same, or None if there is no bundle that can be read."""
        try:
            return self.read(model)
        except PointerError:
            return None


class FileDelivery:
    """Appends JSON lines to files, with the folders that a stream makes in the data bucket.

    Parameters
    ----------
    folder
        Where the bucket's keys begin.
    prefix
        The prefix at which the stream would land, e.g. ``request-log/raw/model=m/``.
    clock
        Time, for tests.
    """

    def __init__(self, folder: Path, prefix: str, *, clock: Clock = utc_now) -> None:
        self._folder = folder / prefix
        self._name = f"served-{uuid4()}.jsonl"
        self._clock = clock
        self._hour: tuple[int, ...] = ()
        self._opened: int | None = None
        self._close: Callable[[], object] = lambda: None

    def deliver(self, lines: bytes) -> int:
        """Append all lines; the system has them when this returns. None is spilled.

        Raises
        ------
        LogDeliveryError
            If the file cannot be written; then it has none of the lines.
        """
        moment = self._clock()
        try:
            _append(self._file(moment), lines)
        except OSError as error:
            where = str(self._folder / f"{moment:%Y/%m/%d/%H}" / self._name)
            raise LogDeliveryError(f"not written: {error}", where=where) from error
        return 0

    def _file(self, moment: datetime) -> int:
        """Return the file of the hour; it stays open, because to open it costs more than a row.

        A file that somebody deleted is made again.
        """
        hour = (moment.year, moment.month, moment.day, moment.hour)
        if self._opened is not None:
            if hour == self._hour and os.fstat(self._opened).st_nlink:
                return self._opened
            self._opened = None
            self._close()
        folder = self._folder / f"{moment:%Y/%m/%d/%H}"
        folder.mkdir(parents=True, exist_ok=True)
        opened = os.open(folder / self._name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        self._close = finalize(self, os.close, opened)
        self._hour, self._opened = hour, opened
        return opened


def _append(file: int, lines: bytes) -> None:
    """Write all of the lines or, where that fails, none: half a line would spoil the next one."""
    written = os.write(file, lines)
    if written == len(lines):
        return
    before = os.fstat(file).st_size - written
    try:
        while written < len(lines):
            written += os.write(file, lines[written:])
    except OSError:
        os.ftruncate(file, before)
        raise
