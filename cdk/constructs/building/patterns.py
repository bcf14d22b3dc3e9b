"""Compile the regular expressions and texts of a function's cold start into two files.

:mod:`functions.shared.patterns` and :mod:`functions.shared.texts` read them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from cdk.constructs.building.assets import ROOT

if TYPE_CHECKING:
    from pathlib import Path

# The steps of re._compiler.compile, of which the last makes an object that no file can hold.
_PROGRAM = """
import importlib, marshal, re, sys
from importlib.util import MAGIC_NUMBER
from re import _compiler, _parser
from functions.shared.texts import compile_by, compile_text

handler, file, texts_file = sys.argv[1:]
found, texts = {}, {}

def kept(mode, text):
    code = compile_text(mode, text)
    texts[mode, text] = marshal.dumps(code, 2)
    return code

def recorded(pattern, flags=0, compiled=_compiler.compile):
    made = compiled(pattern, flags)
    asked = int(flags)
    if isinstance(pattern, (str, bytes)) and not asked & re.DEBUG:
        parsed = _parser.parse(pattern, asked)
        code = [int(each) for each in _compiler._code(parsed, asked)]
        names = dict(parsed.state.groupdict)
        numbers = [None] * parsed.state.groups
        for name, number in names.items():
            numbers[number] = name
        all_flags = asked | int(parsed.state.flags)
        found[repr(pattern), asked] = (
            pattern, asked, all_flags, code, parsed.state.groups - 1, names, tuple(numbers)
        )
    return made

compile_by(kept)
_compiler.compile = recorded
re.purge()
importlib.import_module(handler)
_compiler.compile = recorded.__defaults__[1]
from functions.shared.patterns import engine_version
patterns = [found[key] for key in sorted(found)]
with open(file, "wb") as opened:
    opened.write(marshal.dumps((engine_version(), patterns), 2))
# Version 2 has no references, whose places differ from run to run.
with open(texts_file, "wb") as opened:
    opened.write(marshal.dumps((MAGIC_NUMBER, dict(sorted(texts.items()))), 2))
"""


def write_patterns(handler: str, file: Path, texts: Path) -> None:
    """Write the expressions and texts that a handler's module and all that it imports compile.

    They are those of the packages of this environment. Of another release of a package some may
    differ; the function then compiles these itself.

    Parameters
    ----------
    handler
        Name of the module.
    file
        Takes the expressions.
    texts
        Takes the texts.
    """
    paths = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "evergreen" / "python")])
    subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", _PROGRAM, handler, str(file), str(texts)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
        stdout=subprocess.DEVNULL,
    )
