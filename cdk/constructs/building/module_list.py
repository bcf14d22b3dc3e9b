"""List the modules of a folder whose bytecode is there.

:mod:`functions.shared.modules` reads it.
"""

from __future__ import annotations

import hashlib
import marshal
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

from functions.shared.modules import LIST_BEGINS, LIST_ENDS

if TYPE_CHECKING:
    from collections.abc import Iterator


def write_module_list(folder: Path) -> None:
    """Write the names of all modules that can be imported from ``folder``, into ``folder``.

    Folders without ``__init__.py`` are left out. Python looks for their modules in several places.
    """
    modules = dict(sorted(_modules(folder, "")))
    # Version 2 has no references, whose places differ from run to run.
    written = marshal.dumps((MAGIC_NUMBER, modules), 2)
    name = hashlib.sha256(written).hexdigest()[:16]
    (folder / f"{LIST_BEGINS}{name}{LIST_ENDS}").write_bytes(written)


def _modules(folder: Path, package: str) -> Iterator[tuple[str, bool]]:
    for path in folder.iterdir():
        if path.is_dir() and _has_code(path / "__init__.py"):
            yield package + path.name, True
            yield from _modules(path, f"{package}{path.name}.")
        elif path.suffix == ".py" and path.stem != "__init__" and _has_code(path):
            yield package + path.stem, False


def _has_code(source: Path) -> bool:
    return Path(cache_from_source(str(source))).is_file()
