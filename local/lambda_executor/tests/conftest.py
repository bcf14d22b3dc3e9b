"""The LocalStack that the tests of the executor share, and how they deploy on it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from local.lambda_executor.tests.harness import (
    ROLE,
    Deploy,
    Emulator,
    Function,
    start,
    zipped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = start(tmp_path_factory.mktemp("localstack"))
    yield running
    running.stop(signal.SIGKILL)  # that none is left is tested on one of its own


@pytest.fixture(scope="session")
def deploy(request: pytest.FixtureRequest) -> Deploy:
    names = iter(f"function-{number}" for number in range(1000))

    def deploy(
        source: str,
        *,
        files: Mapping[str, str] | None = None,
        on: Emulator | None = None,
        **configuration: object,
    ) -> Function:
        where: Emulator = on or request.getfixturevalue("emulator")
        function = Function(next(names), where, where.client("lambda"))
        function.client.create_function(
            FunctionName=function.name,
            Runtime="python3.13",
            Role=ROLE,
            Handler="handler.handle",
            Code={"ZipFile": zipped({"handler.py": source} | dict(files or {}))},
            **({"Timeout": 20} | configuration),
        )
        function.settle()
        return function

    return deploy
