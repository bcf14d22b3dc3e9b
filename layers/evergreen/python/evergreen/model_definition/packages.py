"""Packages that models bring: ``models/<name>/requirements.txt``, and the one lock of them all.

All models train in the same image, so their packages must fit each other and those of the image.
The lock's first line says what it was made from.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from evergreen.errors import ModelDefinitionError

if TYPE_CHECKING:
    from pathlib import Path

REQUIREMENTS_FILE = "requirements.txt"
MODELS_LOCK = "models.lock"
"""The lock of what ``TRAINING_LOCK`` does not have, in the folder ``requirements``."""
TRAINING_LOCK = "training.lock"
_REQUIREMENT = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,\s-]*\])?\s*([=<>!~][=<>!~0-9A-Za-z.*+,\s]*)?(;.*)?"
)


def requirement_files(models: Path) -> list[Path]:
    """Return the requirements of all models that have some, by the name of the model.

    Raises
    ------
    ModelDefinitionError
        If a line is not the name of a package with its versions.
    """
    files = sorted(models.glob(f"*/{REQUIREMENTS_FILE}"))
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            asked = re.sub(r"(^|\s)#.*", "", line).strip()
            if asked and not _REQUIREMENT.fullmatch(asked):
                raise ModelDefinitionError(
                    f"line {number}: {asked!r} is not the name of a package with its versions",
                    where=str(file),
                    fix="Write lines such as holidays or holidays>=0.50; no address and no option.",
                )
    return files


def lock_header(files: list[Path], requirements: Path) -> str:
    """Return the first line of a lock of these requirements."""
    digest = hashlib.sha256((requirements / TRAINING_LOCK).read_bytes())
    for file in files:
        digest.update(f"\0{file.parent.name}\0".encode() + file.read_bytes())
    return f"# of {len(files)} models' {REQUIREMENTS_FILE}: {digest.hexdigest()[:16]}"


def locked_names(lock: Path) -> frozenset[str]:
    """Return the names of the packages in a lock."""
    return frozenset(re.findall(r"^([a-z0-9][a-z0-9._-]*)==", lock.read_text(), re.MULTILINE))


def is_locked(models: Path, requirements: Path) -> bool:
    """Return whether the lock has what the models ask for; it need not, if they ask for nothing.

    Raises
    ------
    ModelDefinitionError
        As :func:`requirement_files`.
    """
    files = requirement_files(models)
    if not files:
        return True
    lock = requirements / MODELS_LOCK
    return lock.exists() and lock.read_text().startswith(lock_header(files, requirements) + "\n")


def require_locked(models: Path, requirements: Path) -> None:
    """Check that the images have what the models ask for.

    Raises
    ------
    ModelDefinitionError
        If the lock is of other requirements.
    """
    if not is_locked(models, requirements):
        raise ModelDefinitionError(
            f"a model's {REQUIREMENTS_FILE} has changed since then",
            where=str(requirements / MODELS_LOCK),
            fix="Lock its packages with `evergreen check-model MODEL`.",
        )
