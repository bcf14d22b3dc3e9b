"""Packages that models bring: locked for the training image, and installed for this machine."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from uv import find_uv_bin

from evergreen.errors import ModelDefinitionError
from evergreen.model_definition.packages import (
    MODELS_LOCK,
    REQUIREMENTS_FILE,
    TRAINING_LOCK,
    is_locked,
    lock_header,
    locked_names,
    requirement_files,
)
from local.files import exclusive, write_whole

if TYPE_CHECKING:
    from pathlib import Path

_DEVELOPER_LOCK = "dev.lock"
"""What runs here, and tests what the image has. Training must not meet other versions there."""


def lock_packages(models: Path, requirements: Path) -> None:
    """Lock what the models ask for beyond the training image, if that has changed.

    Parameters
    ----------
    models
        The folder of the models.
    requirements
        The folder of the locks.

    Raises
    ------
    ModelDefinitionError
        If the packages do not fit those of the image, or each other, or have no wheel.
    """
    if is_locked(models, requirements):
        return
    files = requirement_files(models)
    known = sorted(locked_names(requirements / TRAINING_LOCK))
    constraints = [requirements / name for name in (TRAINING_LOCK, _DEVELOPER_LOCK)]
    command = [
        *(find_uv_bin(), "pip", "compile", "--quiet", "--universal", "--python-version", "3.13"),
        *("--generate-hashes", "--only-binary", ":all:", "--no-emit-index-url", "--no-header"),
        *("--no-annotate", "--no-color"),
        *(part for file in constraints if file.exists() for part in ("--constraint", str(file))),
        *(part for name in known for part in ("--no-emit-package", name)),
        *map(str, files),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = _sentence(done.stderr)
        raise ModelDefinitionError(
            f"these packages cannot be added to the training image: {said}",
            where=", ".join(str(file) for file in files),
            fix=f"requirements/{TRAINING_LOCK} has the versions of the image.",
        )
    lock = requirements / MODELS_LOCK
    write_whole(lock, f"{lock_header(files, requirements)}\n{_packages(done.stdout)}")


def use_packages(models: Path, requirements: Path, installed: Path) -> None:
    """Install what the models ask for, and let this process import it.

    Parameters
    ----------
    models, requirements
        As in :func:`lock_packages`, which has run.
    installed
        The folder in which each lock has a folder of its packages.

    Raises
    ------
    ModelDefinitionError
        If a package cannot be installed.
    """
    lock = requirements / MODELS_LOCK
    if not requirement_files(models) or not locked_names(lock):
        return
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = installed / digest
    with exclusive(installed / ".lock", lambda: None):
        if not folder.exists():
            unfinished = installed / f".{digest}"
            shutil.rmtree(unfinished, ignore_errors=True)
            _install(lock, unfinished)
            unfinished.rename(folder)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # at the end: nothing of ours is replaced


def _install(lock: Path, folder: Path) -> None:
    command = [
        *(find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--require-hashes"),
        *("--only-binary", ":all:", "--python", sys.executable),
        *("--target", str(folder), "--requirement", str(lock)),
    ]
    environment = {**os.environ, "UV_COMPILE_BYTECODE": "1", "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ModelDefinitionError(
            f"the packages of the models cannot be installed: {_sentence(done.stderr)}",
            where=str(lock),
            fix=f"Change the model's {REQUIREMENTS_FILE}, then run the command again.",
        )


def _sentence(error: str) -> str:
    """Return what uv says as a sentence, without its marks and the full stop."""
    plain = error.replace("×", "").replace("╰─▶", "").strip().removeprefix("error:")
    return " ".join(plain.split()).removesuffix(".")


def _packages(compiled: str) -> str:
    """Return a lock without uv's note about packages that are left out."""
    lines = compiled.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))
