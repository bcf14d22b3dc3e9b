"""One public name, one meaning: across the modules of the library, and of the rooms around it."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
LIBRARY = "layers/evergreen/python"
ROOMS = ("functions", "cli", "cdk", "local", "dashboards")
OTHER_DISTRIBUTIONS = (
    "local/lambda_executor",
    "local/athena_states",
    "local/firehose_buffer",
    "local/kept_state",
    "local/strict_localstack",
)
"""Installed into LocalStack's environment, where none of our other modules is."""

PER_MODULE = {
    "app": "the application that a handler or the command line runs",
    "command": "the function of each module that is one command",
    "handler": "AWS calls it by this name",
    "logger": "one logger for each function",
    "main": "the entry point of a module that is run",
    "read_settings": "reads the settings of its room",
    "remove_data": "each local service that keeps data has one",
    "Request": "the event of one function of the state machine",
    "router": "the routes of one function",
    "Settings": "the environment or configuration of one function or room",
    "settings": "reads the environment of one function",
}
"""Names outside the library that mean the same thing in each module, and what that is."""


def public_names(source: str) -> set[str]:
    """Return the public names that a module defines at its top level."""
    return {
        name
        for statement in ast.parse(source).body
        for name in _defined(statement)
        if not name.startswith("_")
    }


def _defined(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.TypeAlias(name=ast.Name(id=name)):
            yield name
        case ast.Assign(targets=targets):
            yield from _assigned(targets)
        case ast.AnnAssign(target=target):
            yield from _assigned([target])
        case ast.If() | ast.Try() | ast.With():
            for inner in statement.body:
                yield from _defined(inner)


def _assigned(targets: Iterable[ast.expr]) -> Iterator[str]:
    for target in targets:
        yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))


def defined_twice(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """Return every public name that two modules define, with these modules."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for module, source in sorted(sources.items()):
        for name in public_names(source):
            found[name].append(module)
    return {name: modules for name, modules in sorted(found.items()) if len(modules) > 1}


def sources_of(*folders: str) -> dict[str, str]:
    """Return the text of every module below some folders of the repository."""
    return {
        name: file.read_text(encoding="utf-8")
        for folder in folders
        for file in (ROOT / folder).rglob("*.py")
        if not (name := str(file.relative_to(ROOT))).startswith(OTHER_DISTRIBUTIONS)
    }


def test_no_two_modules_of_the_library_define_one_name() -> None:
    assert defined_twice(sources_of(LIBRARY)) == {}


def test_outside_the_library_only_conventional_names_are_defined_twice() -> None:
    twice = defined_twice(sources_of(LIBRARY, *ROOMS))
    assert {name: modules for name, modules in twice.items() if name not in PER_MODULE} == {}


def test_every_conventional_name_is_needed() -> None:
    assert PER_MODULE.keys() <= defined_twice(sources_of(LIBRARY, *ROOMS)).keys()


def test_a_conventional_name_does_not_stand_for_something_in_the_library() -> None:
    library = set().union(*map(public_names, sources_of(LIBRARY).values()))
    assert not library & PER_MODULE.keys()


@pytest.mark.parametrize(
    "source",
    [
        "def Name(): ...",
        "async def Name(): ...",
        "class Name: ...",
        "type Name = int",
        "Name = 1",
        "Name: int = 1",
        "Name, other_ = 1, 2",
        "if True:\n    class Name: ...",
    ],
)
def test_every_kind_of_definition_counts(source: str) -> None:
    assert defined_twice({"a": source, "b": "class Name: ..."}) == {"Name": ["a", "b"]}


def test_private_and_imported_names_do_not_count() -> None:
    source = "from a import Name\n_name = 1\ndef function():\n    local = 1\n"
    assert public_names(source) == {"function"}
