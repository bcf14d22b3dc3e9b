"""The page about the command line, from what each command says with `--help`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from cdk.reference.fields import table
from cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterable

_INTRODUCTION = """\
# Command line

This page is generated: `make docs` writes it from what each command says with `--help`.

`evergreen --version` says which version this is. `evergreen --install-completion` lets the shell
complete commands, options and models; `evergreen --show-completion` only prints what it would
install. Progress goes to stderr, so with `--json` stdout has the document alone. A command exits
with 1 after an error, with 2 after a wrong option, with 3 if a retraining was skipped and nothing
was trained, and with 130 after Ctrl-C.
"""


def render_commands_page() -> str:
    """Return the page."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)  # it has commands
    return "\n".join([_INTRODUCTION, *_commands(root, "evergreen")])


def _commands(group: TyperGroup, before: str) -> Iterable[str]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _commands(command, f"{before} {name}")
        elif isinstance(command, TyperCommand):
            yield from _command(command, f"{before} {name}")


def _command(command: TyperCommand, name: str) -> Iterable[str]:
    words = [_metavar(each) for each in command.params if isinstance(each, TyperArgument)]
    yield f"## {name}\n"
    yield f"```text\n{' '.join([name, *words, '[OPTIONS]'])}\n```\n"
    yield inspect.cleandoc(command.help or "") + "\n"
    rows = [
        _row(each)
        for each in command.params
        if isinstance(each, TyperArgument | TyperOption) and not each.hidden
    ]
    yield table(("Argument or option", "If left out", "Meaning"), rows)
    yield ""


def _row(parameter: TyperArgument | TyperOption) -> tuple[str, str, str]:
    if isinstance(parameter, TyperArgument):
        name = _metavar(parameter)
    else:
        value = (
            "" if parameter.is_flag else f" {parameter.metavar or (parameter.name or '').upper()}"
        )
        name = ", ".join([*parameter.opts, *parameter.secondary_opts]) + value
    default = "required" if parameter.required else _default(parameter)
    return f"`{name}`", default, (parameter.help or "").replace("|", "\\|")


def _metavar(argument: TyperArgument) -> str:
    name = (argument.metavar or argument.name or "").upper()
    return name if argument.required else f"[{name}]"


def _default(parameter: TyperArgument | TyperOption) -> str:
    value = parameter.default
    if value is None or value is False or callable(value) or value in ((), []):
        return ""
    return f"`{value}`"
