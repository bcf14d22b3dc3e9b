"""The LocalStack that the tests of this package share."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from local.lambda_executor.tests.harness import launch, python_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.lambda_executor.tests.harness import Emulator


@pytest.fixture(scope="session")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    settings = {
        "LAMBDA_RUNTIME_EXECUTOR": "evergreen",
        "EVERGREEN_LAMBDA_PYTHON": str(python_of("lambda-runtime")),
    }
    services = (
        "apigateway,cloudformation,cloudwatch,events,iam,lambda,logs,s3,sns,sqs,ssm,stepfunctions,"
        "sts"
    )
    running = launch(tmp_path_factory.mktemp("strict"), services, settings)
    yield running
    running.stop(signal.SIGKILL)
