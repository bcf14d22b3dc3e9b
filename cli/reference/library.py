"""The page about the library, from its docstrings, without importing it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from cdk.reference.fields import markdown, table

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROOT = Path(__file__).resolve().parents[2]
_LIBRARY = _ROOT / "layers" / "evergreen" / "python" / "evergreen"

_INTRODUCTION = """\
# Library

This page is generated: `make docs` writes it from the code.

The public names of the library `evergreen`, package by package, with the first line of what each
says of itself; `help(NAME)` in Python has the rest. Import a name from its module: what a program
imports decides how long it takes to start.
"""


def render_library_page() -> str:
    """Return the page."""
    parts = [_INTRODUCTION]
    parts += _section("evergreen", sorted(_LIBRARY.glob("*.py")))
    for package in sorted(_LIBRARY.glob("*/__init__.py")):
        name = f"evergreen.{package.parent.name}"
        parts += _section(name, sorted(package.parent.rglob("*.py")))
    return "\n".join(parts)


def _section(name: str, files: Iterable[Path]) -> Iterable[str]:
    yield f"## {name}\n"
    rows = []
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        if file.name == "__init__.py" and _module(file) == name:
            yield _summary(tree, whole=True) + "\n"
        rows += [
            (f"`{_module(file)}.{node.name}`", _summary(node))
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        ]
    yield table(("Name", "What it is"), rows)
    yield ""


def _module(file: Path) -> str:
    parts = file.relative_to(_LIBRARY.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _summary(node: ast.Module | ast.FunctionDef | ast.ClassDef, *, whole: bool = False) -> str:
    """Return the first paragraph of a docstring, or with ``whole`` all of them."""
    paragraphs = (ast.get_docstring(node) or "").split("\n\n")
    text = "\n\n".join(map(markdown, paragraphs)) if whole else markdown(paragraphs[0])
    return text if whole else text.replace("|", "\\|")
