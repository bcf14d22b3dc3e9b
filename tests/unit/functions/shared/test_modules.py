"""A listed module is the one that Python would find, and what is in no list is found as always."""

from __future__ import annotations

import json
import marshal
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cdk.constructs.building.assets import compile_bytecode
from functions.shared.modules import LIST_BEGINS, ListedModules

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import json, sys
if "listed" in sys.argv:
    from functions.shared.modules import ListedModules
    sys.meta_path.insert(0, ListedModules(sys.path))
import importlib.resources
import alone, package, package.part.leaf
from spaced import out
print(json.dumps([
    [each.__name__, each.__file__, each.__cached__, each.__package__,
     list(getattr(each, "__path__", [])), each.VALUE, each.where.__code__.co_name]
    for each in (alone, package, package.part, package.part.leaf, out)
] + [
    importlib.resources.files(package).joinpath("data.txt").read_text(),
    type(package.__loader__).__name__ == type(out.__loader__).__name__,
]))
"""
SOURCE = "VALUE = {!r}\n\n\ndef where():\n    return VALUE\n"
FILES = ("alone", "package/__init__", "package/part/__init__", "package/part/leaf", "spaced/out")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SOURCE.format(name))
    (tmp_path / "package" / "data.txt").write_text("read")
    compile_bytecode(tmp_path, str(tmp_path))
    return tmp_path


def imported(folder: Path, *options: str) -> list[object]:
    program = f"import sys; sys.path[:0] = [{str(folder)!r}]\n{PROGRAM}"
    command = [sys.executable, "-c", program, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: list[object] = json.loads(done.stdout)
    return found


def test_a_listed_module_is_the_one_that_python_finds(folder: Path) -> None:
    as_always, listed = imported(folder), imported(folder, "listed")
    assert listed[:-1] == as_always[:-1]
    # A folder without __init__.py is not listed, so its module has Python's own loader.
    assert (as_always[-1], listed[-1]) == (True, False)


def test_of_two_folders_the_first_one_counts(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "alone.py").write_text("VALUE = 2\n")
    compile_bytecode(other, str(other))
    found = ListedModules([str(other), str(folder)]).find_spec("alone")
    assert found is not None
    assert found.origin == str(other / "alone.py")


def test_of_layers_that_are_put_into_one_folder_all_lists_count(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "another.py").write_text("VALUE = 2\n")
    compile_bytecode(other, str(other))
    shutil.copytree(other, folder, dirs_exist_ok=True)
    assert len(ListedModules([str(folder)])) == len(FILES)


def test_without_a_list_or_with_one_of_another_python_nothing_is_listed(folder: Path) -> None:
    listed = ListedModules([str(folder)])
    assert len(listed) == len(FILES) - 1
    [file] = folder.glob(f"{LIST_BEGINS}*")
    _, modules = marshal.loads(file.read_bytes())
    file.write_bytes(marshal.dumps((b"none", modules)))
    assert len(ListedModules([str(folder), str(folder / "none"), str(folder / "alone.py")])) == 0
