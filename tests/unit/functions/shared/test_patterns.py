"""An expression from the file is the one that Python would compile."""

from __future__ import annotations

import _sre  # type: ignore[import-not-found]
import json
import marshal
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cdk.constructs.building.patterns import write_patterns
from functions.shared.patterns import engine_version, take_patterns

if TYPE_CHECKING:
    from pathlib import Path

# What some of the expressions look for: addresses, numbers, tags, placeholders, escapes.
TEXTS = (
    "https://user@example.com:443/a%20b?c=d#e",
    "/models/{model}/predict",
    "[fe80::1%25eth0]",
    "key = 'text' # 12.5e-3, 0x1f, 2026-05-04T12:30:00.25Z",
    '<a href="b">&amp;</a> ${name} %(name)s\r\n\\u00e4 CamelCaseName',
)
PROGRAM = """
import json, re, sys
from pathlib import Path
from functions.shared.patterns import take_patterns
compiled = []
original = re._compiler.compile
re._compiler.compile = lambda *told: compiled.append(told) or original(*told)
taken = take_patterns(Path(sys.argv[1]))
import functions.predict.handler
print(json.dumps([taken, len(compiled)]))
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("patterns") / "patterns.bin"
    write_patterns("functions.predict.handler", written, written.with_name("texts.bin"))
    return written


def found_in(pattern: re.Pattern[Any]) -> list[Any]:
    texts = [text.encode() if isinstance(pattern.pattern, bytes) else text for text in TEXTS]
    return [[match.span(), match.groupdict()] for text in texts for match in pattern.finditer(text)]


def test_each_is_as_if_compiled_now(file: Path) -> None:
    version, patterns = marshal.loads(file.read_bytes())
    assert version == engine_version()
    for pattern, asked, *compiled in patterns:
        taken, now = _sre.compile(pattern, *compiled), re.compile(pattern, asked)
        assert (taken, taken.groupindex, taken.groups) == (now, now.groupindex, now.groups)
        assert found_in(taken) == found_in(now)


def test_a_cold_start_compiles_almost_none(file: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    taken, compiled = json.loads(done.stdout)
    assert taken > 100
    assert compiled < taken / 10


def test_without_a_file_or_with_one_of_another_python_nothing_is_taken(
    file: Path, tmp_path: Path
) -> None:
    assert take_patterns(tmp_path / "none") == 0
    (magic, width), patterns = marshal.loads(file.read_bytes())
    other = tmp_path / "other"
    other.write_bytes(marshal.dumps(((magic + 1, width), patterns)))
    assert take_patterns(other) == 0
