"""Asset folders that are built once, by content, and are either whole or not there."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path(__file__).resolve().parents[3]
BUILD = ROOT / ".evergreen" / "build"
MIB = 1024 * 1024
UNZIPPED_LIMIT = 250 * MIB
"""What Lambda accepts for a function's code and all its layers together, in bytes."""

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_COMPRESSION = 6


def fingerprint(files: Iterable[Path], *extra: str) -> str:
    """Return 16 hex digits that change with any file's path below the root, or its content.

    The recipe (the modules that build) and the bytecode format belong to every fingerprint.
    """
    digest = hashlib.sha256(MAGIC_NUMBER)
    recipe = [Path(__file__), Path(__file__).with_name("layers.py")]
    for file in [*recipe, *sorted(files)]:
        name = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file.name
        body = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{name}\0{body}\0".encode())
    digest.update("\0".join(extra).encode())
    return digest.hexdigest()[:16]


def build_once(target: Path, fill: Callable[[Path], None]) -> Path:
    """Return ``target``, filling it first if it is not there.

    It is filled under another name and renamed when complete, so that an interrupted build
    leaves nothing that looks finished, and of two builders at the same time the first wins.
    """
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        fill(partial)
        partial.chmod(0o755)
        partial.rename(target)
    except OSError:
        if not target.exists():
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def compile_bytecode(folder: Path, at_run_time: str) -> None:
    """Compile every module below ``folder``, to be trusted without a look at its source.

    A cold start that compiles takes two to three times as long. ``unchecked-hash`` ties the
    bytecode to content and not to file times, which a zip does not keep exactly.
    """
    command = [sys.executable, "-m", "compileall", "-q", "-f"]
    paths = ["-s", str(folder), "-p", at_run_time]
    mode = ["--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, *paths, *mode, str(folder)], check=True)  # noqa: S603 - our own command


def size_of(folder: Path) -> int:
    """Return the bytes of all files below ``folder``, as Lambda counts them."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def archive(folder: Path) -> Path:
    """Return ``folder`` as a zip beside it: the same bytes for the same content."""
    target = folder.with_name(f"{folder.name}.zip")
    if target.exists():
        return target
    with tempfile.NamedTemporaryFile(dir=folder.parent, prefix=".", delete=False) as partial:
        try:
            with zipfile.ZipFile(partial, "w") as out:
                for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                    entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _ZIP_EPOCH)
                    entry.external_attr = 0o644 << 16
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    out.writestr(entry, file.read_bytes(), compresslevel=_COMPRESSION)
            Path(partial.name).chmod(0o644)
            Path(partial.name).rename(target)
        finally:
            Path(partial.name).unlink(missing_ok=True)
    return target
