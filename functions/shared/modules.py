"""Where modules are, listed when the folders that hold them were built.

A cold start imports about 700 modules. For each, Python lists folders, asks whether files are
there, and compares source and bytecode. The folders of a function and of its layers do not change,
so each has a list of its modules, and their bytecode is read at once. A module that is in no list
is found as always, and so is every one if there is no list, or one of another version of Python.
"""

from __future__ import annotations

import marshal
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import MAGIC_NUMBER, spec_from_file_location
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import CodeType, ModuleType

LIST_BEGINS, LIST_ENDS = "modules-", ".bin"
"""The ends of the name of a list in a folder of modules; :mod:`cdk.constructs.building.module_list`
writes it. What is between tells it from that of another layer: Lambda puts the files of all layers
into one folder."""
_HEADER = 16  # bytes before the code, see PEP 552
_COMPILED = f".{sys.implementation.cache_tag}.pyc"


class ListedModules:
    """Finds the modules of some folders from their lists.

    Parameters
    ----------
    folders
        Of two that have a module of one name, the first one's is found, as on ``sys.path``.
    """

    def __init__(self, folders: Iterable[str]) -> None:
        self._places: dict[str, tuple[str, bool]] = {}
        for folder in folders:
            for name, is_package in _listed(folder).items():
                self._places.setdefault(name, (folder, is_package))

    def __len__(self) -> int:
        return len(self._places)

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - of Python's protocol
        target: ModuleType | None = None,  # noqa: ARG002 - of Python's protocol
    ) -> ModuleSpec | None:
        """Return how to load a module, or None if it is in no list."""
        if name not in self._places:
            return None
        folder, is_package = self._places[name]
        whole = f"{folder}/{name.replace('.', '/')}"
        inside, _, stem = (
            f"{whole}/__init__".rpartition("/") if is_package else whole.rpartition("/")
        )
        source = f"{inside}/{stem}.py"
        compiled = f"{inside}/__pycache__/{stem}{_COMPILED}"
        spec = spec_from_file_location(
            name,
            source,
            loader=_ListedLoader(name, source, compiled),
            submodule_search_locations=[whole] if is_package else None,
        )
        if spec is not None:
            spec.cached = compiled
        return spec


class _ListedLoader(SourceFileLoader):
    """Loads the bytecode of a module without a look at its source."""

    def __init__(self, name: str, source: str, compiled: str) -> None:
        super().__init__(name, source)
        self._compiled = compiled

    def get_code(self, fullname: str) -> CodeType | None:  # noqa: ARG002 - of Python's protocol
        """Return the code of the module."""
        written = memoryview(self.get_data(self._compiled))[_HEADER:]
        code: CodeType = marshal.loads(written)  # noqa: S302 - the module's own
        return code


def take_modules() -> int:
    """Find the modules on ``sys.path`` from the lists there; return how many are listed."""
    listed = ListedModules(sys.path)
    if len(listed):
        sys.meta_path.insert(0, listed)
    return len(listed)


def _listed(folder: str) -> dict[str, bool]:
    found: dict[str, bool] = {}
    # pathlib is not imported yet.
    try:
        files = os.listdir(folder)  # noqa: PTH208
    except OSError:  # an entry may be a zip, or not be there
        return found
    for file in files:
        if file.startswith(LIST_BEGINS) and file.endswith(LIST_ENDS):
            with open(f"{folder}/{file}", "rb") as opened:  # noqa: PTH123
                version, modules = marshal.loads(opened.read())  # noqa: S302 - our own, as the modules
            found |= modules if version == MAGIC_NUMBER else {}
    return found
