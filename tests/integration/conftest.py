"""Fixtures for tests of decisions: each test gets its own model, bucket and bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.support.retraining_bench import Bench, open_bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from local.stack import Stack


@pytest.fixture(scope="session")
def clients(local_stack: Stack) -> Callable[[str], Any]:
    """A factory of boto3 clients for the session's emulator."""
    session = boto3.Session("test", "test", region_name="us-east-1")
    return lambda service: session.client(
        service,  # type: ignore[call-overload]
        endpoint_url=local_stack.endpoint_url,
    )


@pytest.fixture
def bench(local_stack: Stack, clients: Callable[[str], Any], tmp_path: Path) -> Iterator[Bench]:
    """The test's own model, bucket and bus."""
    with open_bench(clients, local_stack.mlflow_uri, tmp_path) as made:
        yield made
