"""Launcher: builds the sandbox of a function's process, then replaces itself by the function.

LocalStack's interpreter runs it as a file with one JSON argument, so it imports only the standard
library. It dies with LocalStack. If ``root`` is set, it enters a mount namespace whose file system
holds only the folders of ``binds``. So the function sees a real ``/var/task``, ``/opt`` and its own
``/tmp``.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import TypedDict

_PR_SET_PDEATHSIG = 1
_READ_ONLY, _NO_SUID, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 2, 32, 4096, 16384, 1 << 18
_SYSTEM = ("bin", "dev", "etc", "lib", "lib32", "lib64", "nix", "proc", "sbin", "sys", "usr")


class Plan(TypedDict):
    """The program to run; ``binds`` are (source, path in the sandbox, writable), outer first."""

    parent: int
    root: str | None
    binds: list[tuple[str, str, bool]]
    folder: str
    command: list[str]


def _mount(source: str | Path, target: str | Path, kind: str | None, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    names = [os.fsencode(source), os.fsencode(target), kind and kind.encode()]
    if libc.mount(*names, ctypes.c_ulong(flags), None):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {source}: {os.strerror(number)}", str(target))


def _bind(source: Path, target: Path) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _mount(source, target, None, _BIND | _RECURSIVE)


def _enter(root: Path, binds: list[tuple[str, str, bool]]) -> None:
    os.unshare(os.CLONE_NEWNS)
    _mount("none", "/", None, _RECURSIVE | _PRIVATE)
    _mount("tmpfs", root, "tmpfs", _NO_SUID)
    read_only = [root]
    for place in (Path("/", name) for name in _SYSTEM):
        seen = root / place.name
        if place.is_symlink():
            seen.symlink_to(place.readlink())
        elif place.is_dir():
            _bind(place, seen)
            if place.name in {"etc", "usr"}:
                read_only.append(seen)
    for source, path, writable in binds:
        seen = root / path.lstrip("/")
        _bind(Path(source), seen)
        if not writable:
            read_only.append(seen)
    # only now, because an interpreter below /opt or /tmp needs a mount point inside them
    for seen in reversed(read_only):
        _mount("none", seen, None, _REMOUNT | _READ_ONLY | (0 if seen == root else _BIND))
    os.chroot(root)


def main(plan: Plan) -> None:
    """Set up the process and replace it with the command of the plan."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != plan["parent"]:  # it died before the line above
            sys.exit(1)
    if plan["root"]:
        _enter(Path(plan["root"]), plan["binds"])
    os.chdir(plan["folder"])
    os.execv(plan["command"][0], plan["command"])  # noqa: S606


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
