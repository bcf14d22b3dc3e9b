"""A stack whose state machines read the log with queries, which DuckDB runs in Athena's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.shared.cdk_deployment import deploy, emulator_context
from cli.shared.target import Target
from tests.conftest import say
from tests.support.athena_server import athena_on_duckdb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack
    from tests.support.athena_server import AthenaOnDuckDb


@pytest.fixture(scope="session")
def athena() -> Iterator[AthenaOnDuckDb]:
    """The server, whose address LocalStack gets when it starts."""
    with athena_on_duckdb() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGREEN_ATHENA", server.address)
        yield server


@pytest.fixture(scope="session")
def deployed(athena: AthenaOnDuckDb, local_stack: Stack) -> Target:
    """The app with ``engine = "athena"``, really deployed."""
    target = Target.local(local_stack)
    athena.s3, athena.lake_catalog = target.client("s3"), target.lake_catalog
    log = local_stack.settings.paths.logs / "deploy.log"
    # A schedule would check beside the test.
    context = emulator_context(target, period="60 minutes", cooldown="1 second", flush_seconds=0)
    deploy(target, context | {"engine": "athena"}, log, lambda what: say("deploy", what))
    return target
