"""Texts that Python compiles when a class is made, compiled when the function was built.

A data class, a named tuple and an annotation in quotes are such texts. What a cold start imports
has hundreds, which took a tenth of its time. While it imports, their code comes from a file. A text
that is not in the file is compiled as always, and so is every one if there is no file, or one of
another version of Python.
"""

from __future__ import annotations

import collections
import marshal
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

TEXTS_FILE = Path(__file__).with_name("texts.bin")
"""Written by the build; see :mod:`cdk.constructs.building.patterns`."""


def take_texts(file: Path = TEXTS_FILE) -> int:
    """Let code stand in for the texts of a file until :func:`leave_texts`; return how many.

    Parameters
    ----------
    file
        Part of the function's code, as its modules are.
    """
    try:
        written = file.read_bytes()
    except FileNotFoundError:
        return 0
    version, codes = marshal.loads(written)  # noqa: S302 - no other's than the bytecode beside it
    if version != MAGIC_NUMBER:
        return 0

    def find(mode: str, text: str) -> CodeType:
        code = codes.get((mode, text))
        return marshal.loads(code) if code else compile_text(mode, text)  # noqa: S302 - as above

    compile_by(find)
    return len(codes)


def compile_text(mode: str, text: str) -> CodeType:
    """Return the code of a text as Python's own modules compile it.

    Parameters
    ----------
    mode
        ``eval`` or ``exec``.
    """
    code: CodeType = compile(text, "<string>", mode, dont_inherit=True)
    return code


def compile_by(find: Callable[[str, str], CodeType]) -> None:
    """Let the modules that make such classes get their code from ``find``, by mode and text.

    A name in a module hides the built-in function of that name from this module alone.
    """

    def evaluate(text: str, *spaces: Any) -> Any:  # noqa: ANN401 - as eval()
        return eval(find("eval", text), *spaces)  # noqa: S307 - the module's own text

    def execute(text: str, *spaces: Any) -> None:  # noqa: ANN401 - as exec()
        exec(find("exec", text), *spaces)  # noqa: S102 - the module's own text

    def compiled(text: str, _: str, mode: str) -> CodeType:
        return find(mode, text)

    vars(collections)["eval"] = evaluate
    # These come after it, because what they import makes named tuples.
    import dataclasses  # noqa: PLC0415
    import typing  # noqa: PLC0415

    vars(dataclasses)["exec"] = execute
    vars(typing)["compile"] = compiled


def leave_texts() -> None:
    """Let the modules compile by themselves again."""
    import dataclasses  # noqa: PLC0415 - no sooner than what take_texts imports
    import typing  # noqa: PLC0415 - no sooner than what take_texts imports

    for module, name in ((collections, "eval"), (dataclasses, "exec"), (typing, "compile")):
        vars(module).pop(name, None)
