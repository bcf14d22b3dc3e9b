"""Code from the file is the code that Python would compile, and stands in only for a while."""

from __future__ import annotations

import collections
import dataclasses
import json
import marshal
import subprocess
import sys
import typing
from typing import TYPE_CHECKING

import pytest

from cdk.constructs.building.patterns import write_patterns
from functions.shared.texts import compile_text, take_texts

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import json, sys
from pathlib import Path
from functions.shared import texts
compiled = []
original = texts.compile_text
texts.compile_text = lambda *told: compiled.append(told) or original(*told)
texts.TEXTS_FILE = Path(sys.argv[1])
texts.take_texts.__defaults__ = (texts.TEXTS_FILE,)
import functions.predict.handler
import collections, dataclasses, typing
left = [name in vars(module) for module, name in (
    (collections, "eval"), (dataclasses, "exec"), (typing, "compile"))]
@dataclasses.dataclass(frozen=True)
class Point:
    x: int = 2
Pair = collections.namedtuple("Pair", "a b")
print(json.dumps([len(compiled), left, Point().x, Pair(1, 2).b]))
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("texts") / "texts.bin"
    write_patterns("functions.predict.handler", written.with_name("patterns.bin"), written)
    return written


def test_each_is_as_if_compiled_now(file: Path) -> None:
    _, codes = marshal.loads(file.read_bytes())
    assert len(codes) > 200
    assert {mode for mode, _ in codes} == {"eval", "exec"}
    for (mode, text), code in codes.items():
        assert marshal.loads(code) == compile_text(mode, text)


def test_a_cold_start_compiles_almost_none_and_leaves_the_modules_as_they_were(file: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    compiled, left, x, b = json.loads(done.stdout)
    assert compiled < 20
    assert left == [False, False, False]
    assert (x, b) == (2, 2)


def test_without_a_file_or_with_one_of_another_python_nothing_is_taken(
    file: Path, tmp_path: Path
) -> None:
    assert take_texts(tmp_path / "none") == 0
    _, codes = marshal.loads(file.read_bytes())
    other = tmp_path / "other"
    other.write_bytes(marshal.dumps((b"none", codes)))
    assert take_texts(other) == 0
    for module, name in ((collections, "eval"), (dataclasses, "exec"), (typing, "compile")):
        assert name not in vars(module)
