"""Regular expressions that were compiled when the function was built.

What a cold start imports compiles about 170 of them, which took a fifteenth of its time. Python
keeps compiled expressions in a cache; here it is filled from a file. An expression that is not in
the file is compiled as always, and so is every one if there is no file, or one of another version
of Python.
"""

from __future__ import annotations

import _sre  # type: ignore[import-not-found]
import marshal
import re
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("patterns.bin")
"""Written by the build; see :mod:`cdk.constructs.building.patterns`."""


def take_patterns(file: Path = FILE) -> int:
    """Fill the cache of :mod:`re` with the expressions of a file; return how many it took.

    Parameters
    ----------
    file
        Part of the function's code, as its modules are.
    """
    try:
        written = file.read_bytes()
    except FileNotFoundError:
        return 0
    version, patterns = marshal.loads(written)  # noqa: S302 - no other's than the bytecode beside it
    if version != engine_version():
        return 0
    caches: Any = vars(re)
    first, second = caches["_cache2"], caches["_cache"]
    for pattern, asked, *compiled in patterns:
        key = (type(pattern), pattern, asked)
        first[key] = second[key] = _sre.compile(pattern, *compiled)
    return len(patterns)


def engine_version() -> tuple[int, int]:
    """Return what compiled expressions are bound to: the engine's code, and its width."""
    return _sre.MAGIC, _sre.CODESIZE
