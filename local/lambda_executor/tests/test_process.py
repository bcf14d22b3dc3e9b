"""A function's process without LocalStack: without mount namespaces, and at the edges."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from evergreen_lambda_executor import interpreter, layers, process, variables
from local.lambda_executor.tests.harness import python_of

if TYPE_CHECKING:
    from pathlib import Path

Start = Callable[[str], process.FunctionProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a function process that sees this machine's own paths."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path))
        code, layer = tmp_path / "code", tmp_path / "layer"
        for folder in (code, layer / "python", tmp_path / "tmp"):
            folder.mkdir(parents=True)
        (layer / "python" / "layered.py").write_text("")
        python = replace(interpreter.inspect(python_of("lambda-runtime")), sandboxed=False)
        opt = layers.opt_folder([layer])
        launch = process.Launch(python, "handler.handle", code, opt, tmp_path, 512)
        folders = variables.Folders(code, opt, tmp_path / "tmp")

        def start(source: str) -> process.FunctionProcess:
            (code / "handler.py").write_text(source)
            environment = variables.for_child({"AWS_REGION": "x"}, {}, python, folders)
            started = process.FunctionProcess(launch, environment)
            stack.callback(started.close)
            stack.callback(started.kill)
            return started

        yield start


def test_without_namespaces_the_function_knows_its_real_folders(
    start: Start, tmp_path: Path
) -> None:
    running = start(
        "import layered, os, tempfile\n"
        "def handle(event, context):\n"
        "    return [os.environ['LAMBDA_TASK_ROOT'], os.getcwd(), tempfile.gettempdir(),\n"
        "            os.path.expanduser('~'), layered.__file__]\n"
    )

    assert running.wait_until_ready(30) is None
    ending = running.invoke("id", "arn", "trace", b"{}", 10)

    assert ending.kind == "response"
    task, folder, temporary, home, layered = json.loads(ending.body)
    assert task == folder == str(tmp_path / "code")
    assert temporary == str(tmp_path / "tmp")
    assert home == "/home/sbx_user1051"
    assert layered.startswith(str(tmp_path / "lambda" / "opt"))
    assert layered.endswith("/python/layered.py")


def test_an_initialisation_that_does_not_end_times_out(start: Start) -> None:
    running = start("import time\ntime.sleep(60)\n")

    ending = running.wait_until_ready(0.5)

    assert ending is not None
    assert ending.kind == "timed_out"


def test_a_process_that_ends_while_it_initialises_has_exited(start: Start) -> None:
    running = start("import os\nprint('last words')\nos._exit(0)\n")

    ending = running.wait_until_ready(30)

    assert ending is not None
    assert ending.kind == "exited"
    assert running.exit_reason == "Runtime exited without providing a reason"
    assert running.read_log() == "last words\n"


def test_output_is_read_once_and_its_file_does_not_grow_for_ever(
    start: Start, tmp_path: Path
) -> None:
    running = start("def handle(event, context):\n    print('é' * event)\n")
    running.wait_until_ready(30)

    for size in (5_000_000, 10, 5_000_000):
        running.invoke("id", "arn", "trace", json.dumps(size).encode(), 10)
        assert running.read_log() == "é" * size + "\n"

    assert (tmp_path / "output.log").stat().st_size == 0
