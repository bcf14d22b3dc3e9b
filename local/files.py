"""File helpers: locks, atomic writes, secrets and the end of a log."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_TAIL_BYTES = 16_384


@contextmanager
def exclusive(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold a lock file; the system releases it when the holder ends, even after a crash.

    Parameters
    ----------
    path
        The lock file.
    on_wait
        Called once before waiting, if another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_whole(path: Path, text: str, mode: int | None = None) -> None:
    """Write a file atomically: a reader sees the old text or the new one, never a part.

    If ``mode`` is given, the file gets exactly this mode, whatever the umask.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    if mode is not None:
        draft.chmod(mode)
    draft.replace(path)


def discard(folder: Path) -> Thread:
    """Put a folder out of the way at once; return the thread that deletes it.

    What an earlier process did not get done is deleted too. Deleting ten thousand files can take a
    minute, and nothing may wait for it, Ctrl-C least of all.
    """
    with suppress(FileNotFoundError):
        folder.rename(folder.with_name(f"{_discarded(folder)}{secrets.token_hex(8)}"))
    deletion = Thread(target=delete_discarded, args=(folder,), daemon=True)
    deletion.start()
    return deletion


def delete_discarded(folder: Path) -> None:
    """Delete what :func:`discard` has put out of the way, and wait for it."""
    for old in folder.parent.glob(f"{_discarded(folder)}*"):
        shutil.rmtree(old, ignore_errors=True)


def _discarded(folder: Path) -> str:
    return f".{folder.name}.discarded."


def made_up_secret(path: Path) -> str:
    """Return the secret in a file that only its owner can read; create it at first use."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    if not path.read_text():
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text()


def tail(path: Path, lines: int = 20) -> str:
    """Return the last lines of a log file, or a note that it has none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return "(no log was written)"
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"
