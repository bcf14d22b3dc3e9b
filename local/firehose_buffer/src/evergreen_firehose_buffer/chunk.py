"""A chunk: one file on disk with the records that will be one S3 object.

A file is a sequence of frames, each a length of eight bytes and so many bytes. The first frame is
the head, which says where the object goes; every other holds the records of one call. An incomplete
frame at the end is a call that was cut off and never answered. It does not count.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Destination:
    """A stream's S3 destination, as much of it as is needed to write an object.

    Parameters
    ----------
    stream, version
        Name and version of the delivery stream.
    bucket, prefix, extension
        Where its objects go.
    role_arn
        The role that writes them; empty for none.
    """

    stream: str
    version: str
    bucket: str
    prefix: str
    extension: str
    role_arn: str


@dataclass(frozen=True, slots=True)
class Head:
    """What a chunk's first frame holds."""

    destination: Destination
    arrived: datetime
    """When its first record came."""

    @property
    def folder(self) -> str:
        """The S3 prefix with the time suffix that Firehose adds."""
        return f"{self.destination.prefix}{self.arrived:%Y/%m/%d/%H}/"


@dataclass(frozen=True, slots=True)
class Chunk:
    """One file."""

    path: Path

    def create(self, head: Head) -> None:
        """Write the head of a new file."""
        text = json.dumps({**asdict(head), "arrived": head.arrived.isoformat()})
        _append(self.path, text.encode())

    def add(self, data: bytes) -> None:
        """Append the records of one call, all of them or none.

        Raises
        ------
        OSError
            If the disk does not take them.
        """
        _append(self.path, data)

    def head(self) -> Head | None:
        """Return where it goes, or None if not even its head is complete."""
        first = next(_frames(self.path), None)
        if first is None:
            return None
        content = json.loads(first)
        arrived = datetime.fromisoformat(content["arrived"])
        return Head(Destination(**content["destination"]), arrived)

    def body(self) -> bytes:
        """Return the records."""
        _, *calls = _frames(self.path)
        return b"".join(calls)

    def key(self, head: Head) -> str:
        """Return the object's key, which is the same each time it is written."""
        to = head.destination
        name = f"{to.stream}-{to.version}-{head.arrived:%Y-%m-%d-%H-%M-%S}-{self.path.stem}"
        return f"{head.folder}{name}{to.extension}"


def _append(path: Path, content: bytes) -> None:
    frame = len(content).to_bytes(_LENGTH) + content
    with path.open("ab", buffering=0) as file:
        size = file.tell()
        try:
            written = 0
            while written < len(frame):
                written += os.write(file.fileno(), frame[written:])
        except BaseException:
            # What follows must not come after half a frame.
            file.truncate(size)
            raise


def _frames(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while len(length := file.read(_LENGTH)) == _LENGTH:
            content = file.read(int.from_bytes(length))
            if len(content) < int.from_bytes(length):
                return
            yield content
