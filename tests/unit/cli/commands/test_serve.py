"""`evergreen serve`: a folder or a copy of the deployment's bundle, until Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import httpx
import pytest
from typer.testing import CliRunner

from cli.commands import serve
from cli.main import app
from cli.shared import served_locally
from evergreen.errors import EvergreenError
from tests.support.bundle_folders import bundle_folder, models_folder
from tests.support.forgotten_settings import forget
from tests.support.target_in_process import TargetInProcess
from tests.support.trained_models import ROW, promote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws_in_process import Account


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    models = models_folder(tmp_path)
    monkeypatch.setattr(serve, "MODELS", models)
    monkeypatch.setattr(served_locally, "MODELS", models)
    monkeypatch.setattr(serve, "SERVED", tmp_path / "served")
    with patch.dict(os.environ):
        forget()
        yield
    forget()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def serve_once(*arguments: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Serve, predict one row, press Ctrl-C; return what it said and what it answered."""
    port = free_port()
    answers: list[dict[str, Any]] = []

    def predict_and_interrupt() -> None:
        address = f"http://127.0.0.1:{port}/models/late_bus/predict"
        until = time.monotonic() + 30
        while not answers and time.monotonic() < until:
            try:
                answers.append(httpx.post(address, json={"instances": [ROW]}).json())
            except httpx.ConnectError:
                time.sleep(0.02)
        if answers:
            os.kill(os.getpid(), signal.SIGINT)

    caller = threading.Thread(target=predict_and_interrupt)
    caller.start()
    command = ["serve", "late_bus", "--port", str(port), "--json", *arguments]
    result = CliRunner().invoke(app, command)
    caller.join()
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), answers[0], result.stderr


def test_a_folder_serves_without_a_stack_until_ctrl_c(tmp_path: Path) -> None:
    said, answer, ended = serve_once("--bundle", str(bundle_folder(tmp_path)))
    assert (said["version"], answer["model_version"]) == ("1", "1")
    assert "ended" in ended
    logged = [*(tmp_path / "served" / "late_bus" / "log" / "request-log").rglob("*.jsonl")]
    assert answer["request_id"] in logged[0].read_text()


def test_the_version_in_production_is_copied_and_serves(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "choose", lambda **_: TargetInProcess.of(aws))
    promote(aws.storage(), aws.production(), "2")
    said, answer, _ = serve_once()
    assert (said["version"], answer["model_version"]) == ("2", "2")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--bundle", ".", "--live"], "without --live"),
        (["--bundle", ".", "--version", "1"], "without --live and --version"),
        (["--live", "--version", "1"], "what is in production"),
        (["--bundle", "/nowhere"], "does not exist"),
    ],
)
def test_options_that_do_not_fit_are_named(arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(app, ["serve", "late_bus", *arguments])
    assert result.exit_code == 2
    assert says in " ".join(result.output.replace("│", " ").split())


def test_what_is_no_bundle_is_named_with_the_fix(
    tmp_path: Path, aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = CliRunner().invoke(app, ["serve", "late_bus", "--bundle", str(tmp_path)])
    assert "manifest.json" in str(result.exception)
    monkeypatch.setattr(serve, "choose", lambda **_: TargetInProcess.of(aws))
    for arguments, says in (([], "in production yet"), (["--version", "7"], "file not found")):
        result = CliRunner().invoke(app, ["serve", "late_bus", *arguments])
        assert isinstance(result.exception, EvergreenError)
        assert says in str(result.exception)
