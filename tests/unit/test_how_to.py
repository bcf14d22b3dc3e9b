"""The commands of the how-to that need no stack, run as they stand."""

from __future__ import annotations

import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

from typer.main import get_command
from typer.testing import CliRunner

from cli.commands import check_model, new_model
from cli.main import app
from tests.how_to.page import commands

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ALONE = {"new-model", "check-model"}


def test_the_model_of_the_how_to_is_made_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    monkeypatch.setattr(new_model, "MODELS", models)
    monkeypatch.setattr(check_model, "MODELS", models)
    monkeypatch.chdir(tmp_path)
    ran = []
    for command in commands():
        program, *arguments = shlex.split(command)
        if program == "python":
            subprocess.run([sys.executable, *arguments], check=True)
        elif program == "evergreen" and arguments[0] in ALONE:
            result = CliRunner().invoke(app, arguments)
            assert (result.exit_code, result.exception) == (0, None), result.output
            ran.append(arguments[0])
    assert ran == ["new-model", "check-model"]
    assert "f1" in result.stdout
    assert (models / "tumour" / "training.py").exists()


def test_every_command_of_the_how_to_exists_and_takes_its_options() -> None:
    known = get_command(app)
    for command in commands():
        program, *arguments = shlex.split(command)
        if program == "evergreen":
            found = known.get_command(None, arguments[0])  # type: ignore[attr-defined]
            assert found is not None, command
            allowed = {name for each in found.params for name in (*each.opts, *each.secondary_opts)}
            options = {each for each in arguments if each.startswith("--")}
            assert options <= allowed, command
