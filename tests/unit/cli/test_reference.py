"""The pages about the command line and the library leave nothing out."""

from __future__ import annotations

from typer.core import TyperGroup
from typer.main import get_command

from cli.main import app
from cli.reference.commands import render_commands_page
from cli.reference.library import render_library_page


def test_every_command_has_its_section_with_its_options() -> None:
    page = render_commands_page()
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    for name, command in root.commands.items():
        if not isinstance(command, TyperGroup):
            section = page.partition(f"## evergreen {name}\n")[2].partition("\n## ")[0]
            options = {each.opts[0] for each in command.params if each.opts[0].startswith("--")}
            assert {option for option in options if option not in section} == set(), name
    assert "## evergreen labels import\n" in page
    assert "| `--speed SPEED` | `max` |" in page


def test_a_public_name_is_told_in_one_line_and_a_private_one_is_not() -> None:
    page = render_library_page()
    assert "| `evergreen.clock.utc_now` | Return the current time in UTC. |" in page
    assert "## evergreen.drift\n\nDrift detection: compares a window" in page
    assert "._" not in page
