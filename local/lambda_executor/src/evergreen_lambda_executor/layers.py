"""Layers: the folder that a function sees as ``/opt``, merged from its layers in order."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_building = threading.Lock()


def instance_folder() -> Path:
    """Return the folder for this LocalStack's functions, next to the code that it unpacks."""
    return Path(tempfile.gettempdir()) / "lambda"


def opt_folder(layers: Sequence[Path]) -> Path:
    """Return a folder that holds the files of all layers; a later layer wins, as on AWS.

    The files are hard links, so a folder takes no space and survives the deletion of a layer
    version. It is built once for all functions with the same layers.
    """
    key = hashlib.sha256("\n".join(map(str, layers)).encode()).hexdigest()[:24]
    folder = instance_folder() / "opt" / key
    with _building:
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
                for layer in layers:
                    shutil.copytree(layer, draft, copy_function=_link, dirs_exist_ok=True)
                Path(draft).chmod(0o755)
                Path(draft).rename(folder)
                Path(draft).mkdir()  # for TemporaryDirectory to delete
    return folder


def _link(source: str, target: str) -> None:
    Path(target).unlink(missing_ok=True)
    os.link(source, target)
