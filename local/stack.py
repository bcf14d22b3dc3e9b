"""The local stack as a whole: start what is missing, list what runs, stop everything."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evergreen.deployment.laptop import client_variables
from evergreen.errors import EvergreenError
from local import environments, lake_catalog, monitoring, postgres, process, seaweedfs
from local.files import delete_discarded, exclusive
from local.starter import Starter
from local.state import StateFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.environments import Progress
    from local.settings import Settings


class StackNotRunningError(EvergreenError):
    """The local stack, or a part of it that is needed, does not run."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: its addresses and credentials for clients."""

    settings: Settings
    endpoint_url: str
    mlflow_uri: str
    lake_catalog: str = field(repr=False)

    def client_environment(self) -> dict[str, str]:
        """Return the variables with which AWS clients, cdk and MLflow clients find the stack."""
        return client_variables(self.endpoint_url, self.mlflow_uri, self.lake_catalog)


def up(
    settings: Settings,
    progress: Progress,
    on_addresses: Callable[[Stack], None] = lambda _: None,
) -> Stack:
    """Start the services that do not run yet; return the stack once all are healthy.

    Running services stay as they are. If a service does not start, or the caller is interrupted,
    everything that this call started is stopped.

    Parameters
    ----------
    settings
        The stack's settings.
    progress
        Called with a service or an environment, and what happens to it.
    on_addresses
        Called once with the stack as it will be, before its services start: what needs only the
        addresses need not wait.

    Raises
    ------
    EvergreenError
        If an environment cannot be built or a service does not start.
    """
    with _only_one(settings, progress):
        for environment in environments.OF_SERVICES:
            environments.build_environment(settings.paths, environment, progress)
        state = StateFile(settings.paths.state_file)
        found = Starter(
            settings, progress, state, lambda found: on_addresses(Stack(settings, *found))
        ).run()
        return Stack(settings, *found)


def down(settings: Settings, progress: Progress, *, clean: bool = False) -> list[str]:
    """Stop every service of the stack and return the names of those that ran.

    Parameters
    ----------
    settings
        The stack's settings.
    progress
        Called with each service that is being stopped.
    clean
        Also delete MLflow's runs, versions and artifacts, the data bucket and the parameters, the
        catalogue of the lake's tables, and the data of Prometheus.
    """
    with _only_one(settings, progress):
        state = StateFile(settings.paths.state_file)
        services = state.read().services
        running = [name for name, record in services.items() if process.find(record.child)]

        def stop(*names: str) -> None:
            for name in names:
                if name in services:
                    if name in running:
                        progress(services[name].title, "stopping")
                    process.stop(services[name].child, politely=services[name].stop_signal)
                    state.record(name, None)

        with ThreadPoolExecutor() as pool:
            # MLflow stops first, while its database and its artifacts are still there.
            tracking = ("mlflow", "postgres", "seaweedfs")
            groups = (("localstack",), tracking, tuple(monitoring.HEALTH))
            for done in [pool.submit(stop, *names) for names in groups]:
                done.result()
        seaweedfs.remove_sockets()
        settings.paths.state_file.unlink(missing_ok=True)
        if clean:
            progress("data", "deleting")
            postgres.remove_data(settings)
            lake_catalog.remove_secret(settings)
            seaweedfs.remove_data(settings.paths)
            for folder in ("localstack", "firehose", "kept", "mlflow"):
                shutil.rmtree(settings.paths.state / folder, ignore_errors=True)
            delete_discarded(settings.paths.state / "localstack")
            monitoring.remove_data(settings.paths)
        return running


def running_stack(settings: Settings) -> Stack:
    """Return the running stack.

    Raises
    ------
    StackNotRunningError
        If no stack runs, or a part of it has ended.
    """
    state = StateFile(settings.paths.state_file).read()
    if state.endpoint_url is None or state.mlflow_uri is None or state.lake_catalog is None:
        raise StackNotRunningError(
            "the local stack is not running", fix="Start it with `evergreen up`"
        )
    ended = [record.title for record in state.services.values() if not process.find(record.child)]
    if ended:
        raise StackNotRunningError(
            f"{' and '.join(ended)} ended unexpectedly",
            fix="Start them again with `evergreen up`",
        )
    return Stack(settings, state.endpoint_url, state.mlflow_uri, state.lake_catalog)


@contextmanager
def _only_one(settings: Settings, progress: Progress) -> Iterator[None]:
    def say_waiting() -> None:
        progress("stack", "waiting for another `evergreen` command to finish")

    with exclusive(settings.paths.state / ".stack.lock", say_waiting):
        yield
