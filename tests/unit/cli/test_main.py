"""The command line's frame."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app


def test_the_version_is_the_one_in_pyproject() -> None:
    root = Path(__file__).parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"{project['version']}\n")


def test_without_a_command_it_teaches() -> None:
    result = CliRunner().invoke(app, [])
    assert "up" in result.output
    assert "status" in result.output


@pytest.mark.parametrize(
    "command",
    [
        "up",
        "down",
        "status",
        "alerts",
        "train",
        "new-model",
        "check-model",
        "promote",
        "retrain",
        "history",
        "rollback",
        "serve",
        "doctor",
    ],
)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "--json" in result.output


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["evergreen", "hist"], "history"),
        (["evergreen", "history", "daily"], "daily_ridership"),
    ],
    ids=["command", "model"],
)
def test_the_shell_completes_commands_and_models(words: list[str], completed: str) -> None:
    asked = {
        "_EVERGREEN_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    result = CliRunner().invoke(app, [], env=asked, prog_name="evergreen")
    assert completed in result.output.split()


@pytest.mark.parametrize(
    ("arguments", "near"),
    [(["statsu"], "status"), (["history", "flight_dealy"], "flight_delay")],
    ids=["command", "model"],
)
def test_a_wrong_name_is_answered_with_the_nearest(arguments: list[str], near: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code != 0
    assert f"Did you mean '{near}'?" in f"{result.output} {result.exception}"


PROGRAM = """
from evergreen.errors import EvergreenError
from cli.main import app, main

@app.command("fail")
def fail():
    raise EvergreenError("the [disk] is full", where="/data", fix="Make room")

@app.command("refused")
def refused():
    from botocore.exceptions import ClientError
    error = {{"Code": "NotFoundException", "Message": "no key"}}
    raise ClientError({{"Error": error}}, "GetApiKey")

@app.command("interrupted")
def interrupted():
    import os, signal
    os.kill(os.getpid(), signal.{name})
    signal.pause()

main()
"""


def run(*arguments: str, name: str = "SIGINT") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name=name), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_error_is_one_message_without_a_traceback() -> None:
    done = run("fail")
    assert done.returncode == 1
    assert done.stderr.strip() == "error /data: the [disk] is full. Make room"


def test_what_aws_refuses_is_one_message_with_what_to_do() -> None:
    """As between `cdk destroy` and a new deployment: the key is gone."""
    done = run("refused")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "(NotFoundException) when calling the GetApiKey operation: no key" in done.stderr
    assert "`evergreen deploy` brings it back" in done.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_interruption_exits_with_130(name: str) -> None:
    done = run("interrupted", name=name)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_the_command_line_starts_without_what_only_some_commands_need() -> None:
    heavy = {"aws_cdk", "jsii", "pandas", "pyarrow", "duckdb", "mlflow", "sklearn", "onnxruntime"}
    code = "import sys, cli.main; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert heavy & set(run.stdout.split()) == set()
