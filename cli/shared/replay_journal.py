"""The journal of a replay: a line for each request, so that the next run goes on from there."""

from __future__ import annotations

import fcntl
import hashlib
import json
from typing import TYPE_CHECKING, Self

from cli.shared.replaying import ReplayProgress, SentLabels, SentRows
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class ReplayJournal:
    """What replays of one file to one API have done.

    A line is written after its request was answered. A process that is killed in between sends the
    rows or the labels of one request again.

    Parameters
    ----------
    path
        The journal. Its folder is made.
    again
        Whether to forget what is in it.

    Raises
    ------
    EvergreenError
        On entry, if another process writes it.
    """

    def __init__(self, path: Path, *, again: bool = False) -> None:
        self._path = path
        self._again = again

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise EvergreenError(
                "another process replays this file", fix="Wait until it has ended, or stop it."
            ) from None
        if self._again:
            self._file.truncate(0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self) -> ReplayProgress:
        """Return how far the replays came; a line that was not written whole is cut off."""
        self._file.seek(0)
        text = self._file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._file.truncate(len(whole))
        progress = ReplayProgress()
        for line in whole.splitlines():
            kind, values = json.loads(line)
            progress.take(SentRows(*values) if kind == "rows" else SentLabels(*values))
        return progress

    def append(self, step: SentRows | SentLabels) -> None:
        """Add a step that was done."""
        kind = "rows" if isinstance(step, SentRows) else "labels"
        self._file.write(json.dumps([kind, list(step)]).encode() + b"\n")
        self._file.flush()


def journal_path(folder: Path, model: str, file: Path, api_url: str) -> Path:
    """Return the journal of the replays of a file's content to an API."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256")
    digest.update(api_url.encode())
    return folder / f"{model}-{digest.hexdigest()[:16]}.jsonl"
