"""Every `evergreen …` that the documentation shows is one that the command line takes."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from cli.main import app
from tests.unit.test_documentation import PAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = re.compile(r"^ *```(?:sh|bash)?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_ANY_BLOCK = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`]+)`")
_PROGRAM = re.compile(r"^(?:[A-Z_]+=\S+ )*(?:\S*/)?evergreen (?=[a-z-])")
ROOT_COMMAND = get_command(app)


def command_lines(text: str) -> list[str]:
    """Commands in blocks, which are whole, and between backticks, which may be only a part."""
    blocks = "\n".join(_BLOCK.findall(text)).replace("\\\n", " ")
    pieces = [line.strip() for line in blocks.splitlines()]
    pieces += [" ".join(piece.split()) for piece in _INLINE.findall(_ANY_BLOCK.sub("", text))]
    return [_PROGRAM.sub("", piece) for piece in pieces if _PROGRAM.match(piece)]


def wrong(line: str) -> str | None:
    """Say what the command line does not take of this, without running it."""
    words = shlex.split(line, comments=True)
    command = ROOT_COMMAND
    while isinstance(command, TyperGroup) and words and not words[0].startswith("--"):
        name = words.pop(0)
        if name not in command.commands:
            return f"no command {name}"
        command = command.commands[name]
    taken = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    options = {word.partition("=")[0] for word in words if word.startswith("--")} - {"--help"}
    unknown = sorted(options - taken)
    return f"no option {' '.join(unknown)}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_command_line_takes_what_a_page_shows(page: Path) -> None:
    found = {line: wrong(line) for line in command_lines(page.read_text(encoding="utf-8"))}
    assert {line: fault for line, fault in found.items() if fault} == {}


def test_commands_are_found_where_they_are_written() -> None:
    page = (
        "Run `evergreen nothing` or `X=y .venv/bin/evergreen log MODEL --sqll`.\n\n"
        "```\nevergreen labels import m f.csv --column a=b  # --not-this\n```\n\n"
        "1. Then\n\n    ```sh\n    evergreen labels export\n    ```\n"
    )
    assert [wrong(line) for line in command_lines(page)] == [
        None,
        "no command export",
        "no command nothing",
        "no option --sqll",
    ]
