"""What the tiers share: a local stack of the test run's own, and the order of a parallel run."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from cli.shared.cdk_deployment import deploy, emulator_context
from cli.shared.target import Target
from local.monitoring import watch
from tests.support.own_stack import own_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack

INFRASTRUCTURE = "tests/infrastructure/"


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps in one process what shares fixtures: the tests of a file, and all of templates.

    ``--dist loadgroup`` would do it by marks, but groups nothing with pytest 9.2
    (pytest-dev/pytest-xdist#1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return INFRASTRUCTURE if nodeid.startswith(INFRASTRUCTURE) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Share the tests out by file."""
    return ByFile(config, log)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from visiting all that was imported, again and again."""
    gc.freeze()


@pytest.fixture(scope="session")
def local_stack() -> Iterator[Stack]:
    """A running local stack beside the developer's own, stopped when the tests are over.

    It uses the environments that the repository has built, free ports and a folder of its own.
    With AWS_ENDPOINT_URL set that emulator is used and no LocalStack started; with
    MLFLOW_TRACKING_URI and EVERGREEN_LAKE_CATALOG as well, nothing is.
    """
    with own_stack(say) as stack:
        yield stack


@pytest.fixture(scope="session")
def deployed(local_stack: Stack) -> Target:
    """The app, really deployed with ``cdk deploy`` to the session's stack."""
    target = Target.local(local_stack)
    log = local_stack.settings.paths.logs / "deploy.log"
    # Tests read the log right after an answer. Buffers have tests of their own.
    context = emulator_context(target, period="1 minute", cooldown="1 second", flush_seconds=0)
    # One model may be served by scikit-learn too, with a function of its own.
    context |= {"sklearn_models": "flight_duration"}
    context |= {"trusted_types": "evergreen_model_flight_duration.rounded"}
    deploy(target, context, log, lambda what: say("deploy", what))
    watch(local_stack.settings.paths, target.api_url, target.api_key, target.stage)
    return target


def say(subject: str, what: str) -> None:
    """Show what happens where pytest keeps it for a failure."""
    print(f"{subject}: {what}", file=sys.stderr)  # noqa: T201 - pytest captures it
