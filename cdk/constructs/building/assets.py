"""Asset folders: each is built once for its content, and appears only when complete."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from contextlib import contextmanager
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import TYPE_CHECKING

from cdk.constructs.building import module_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).resolve().parents[3]
BUILD = ROOT / ".evergreen" / "build"
MIB = 1024 * 1024
UNZIPPED_LIMIT = 250 * MIB
"""Lambda's limit for a function's code and all its layers together, in bytes."""

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_COMPRESSION = 6


def fingerprint(files: Iterable[Path], *extra: str) -> str:
    """Return a fingerprint of 16 hex digits over each file's path below the root and content.

    Every fingerprint includes the recipe (the modules that build) and the bytecode format.
    """
    digest = hashlib.sha256(MAGIC_NUMBER)
    here = Path(__file__)
    recipe = [here, *map(here.with_name, ("botocore_data.py", "layers.py", "module_list.py"))]
    for file in [*recipe, *sorted(files)]:
        name = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file.name
        body = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{name}\0{body}\0".encode())
    digest.update("\0".join(extra).encode())
    return digest.hexdigest()[:16]


def build_once(target: Path, fill: Callable[[Path], None]) -> Path:
    """Return ``target``, and fill it first if it does not exist.

    It is filled under another name and renamed when complete. So an interrupted build leaves
    nothing that looks complete. If two builders run at the same time, the second one waits.
    """
    with _alone(target):
        if target.exists():
            return target
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            fill(partial)
            partial.chmod(0o755)
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return target


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Keep every other builder of ``target`` waiting, in this process and in others."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def compile_bytecode(folder: Path, at_run_time: str) -> None:
    """Compile every module below ``folder`` to bytecode that is never checked, and list them.

    A cold start that compiles takes two to three times as long. ``unchecked-hash`` depends on
    content and not on file times, which a zip does not keep exactly.
    """
    command = [sys.executable, "-m", "compileall", "-q", "-f"]
    paths = ["-s", str(folder), "-p", at_run_time]
    mode = ["--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, *paths, *mode, str(folder)], check=True)  # noqa: S603 - our own command
    module_list.write_module_list(folder)


def size_of(folder: Path) -> int:
    """Return the size in bytes of all files below ``folder``, as Lambda counts it."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def archive(folder: Path) -> Path:
    """Write ``folder`` as a zip beside it and return its path; same content, same bytes."""
    target = folder.with_name(f"{folder.name}.zip")
    with _alone(target):
        if not target.exists():
            _archive(folder, target)
    return target


def _archive(folder: Path, target: Path) -> None:
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
