"""The code of a Lambda function: the modules that it imports, and the model folders."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from cdk.constructs.building import patterns
from cdk.constructs.building.assets import (
    BUILD,
    ROOT,
    build_once,
    compile_bytecode,
    fingerprint,
)
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Iterable

_AT_RUN_TIME = "/var/task"
_SHARED = "shared"
_MODEL_FILES = ("*.toml", "*.py")


def build_function(name: str, models: Path) -> Path:
    """Build the code of the function ``name`` if any of it changed, and return its folder.

    The folder holds ``functions/`` (the folder ``name`` and the modules of ``shared/`` that it
    imports) and ``models/`` (every model's definition and training code). Other modules are left
    out, because a change there must not redeploy the function.

    Raises
    ------
    EvergreenError
        If there is no such function.
    """
    source = ROOT / "functions"
    if not (source / name / "handler.py").is_file():
        raise EvergreenError("no handler.py", where=str(source / name))
    own = [path for path in (source / name).rglob("*") if _packed(path)]
    ours = [source / "__init__.py", *own, *_shared_modules(own)]
    theirs = [file for pattern in _MODEL_FILES for file in models.rglob(pattern)]
    shortened = source / _SHARED / "cold_start.py" in ours
    recipe = [Path(patterns.__file__), ROOT / "requirements" / "inference.lock"]
    digest = fingerprint(ours, fingerprint(theirs), fingerprint(recipe if shortened else []))

    def fill(folder: Path) -> None:
        for files, base, room in ((ours, source, "functions"), (theirs, models, "models")):
            for file in files:
                target = folder / room / file.relative_to(base)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
        if shortened:
            shared = folder / "functions" / _SHARED
            patterns.write_patterns(
                f"functions.{name}.handler", shared / "patterns.bin", shared / "texts.bin"
            )
        compile_bytecode(folder, _AT_RUN_TIME)

    return build_once(BUILD / "functions" / f"{name}-{digest}", fill)


def _shared_modules(files: Iterable[Path]) -> list[Path]:
    """Return the modules of ``functions/shared`` that ``files`` import, directly or not."""
    folder = ROOT / "functions" / _SHARED
    found = {folder / "__init__.py"}
    waiting = [file for file in files if file.suffix == ".py"]
    while waiting:
        tree = ast.parse(waiting.pop().read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            package = f"functions.{_SHARED}"
            names = [alias.name for alias in node.names] if node.module == package else []
            if node.module.startswith(f"{package}."):
                names = [node.module.removeprefix(f"{package}.")]
            new = {folder / f"{name}.py" for name in names} - found
            found |= new
            waiting.extend(new)
    return sorted(found)


def _packed(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc"
