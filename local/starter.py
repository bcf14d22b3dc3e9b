"""Start of a stack: starts missing services in parallel, and undoes all if one fails."""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

from local import monitoring, postgres, process
from local.environments import OF_IMAGES, build_environment
from local.lake_catalog import create_lake_catalog, forget_tables, lake_catalog_uri
from local.localstack import localstack
from local.mlflow import mlflow
from local.plan import Plan, choose_ports, external_endpoint
from local.process import CancelledError, ServiceError
from local.seaweedfs import seaweedfs
from local.service import LocalService, is_http_server
from local.state import ServiceRecord, StateFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local.environments import Progress
    from local.settings import Settings

_PATIENCE_WITH_THE_RUNNING_SECONDS = 30.0


class Addresses(NamedTuple):
    """The addresses by which clients use a stack: AWS, MLflow and the lake's catalogue."""

    endpoint_url: str
    mlflow_uri: str
    lake_catalog: str


@dataclass(slots=True)
class Starter:
    """One attempt to start a stack. It records what it started, to stop that if it fails."""

    settings: Settings
    progress: Progress
    state: StateFile
    on_addresses: Callable[[Addresses], None] = lambda _: None
    """Called with the addresses once they are chosen, before anything starts."""
    cancelled: Event = field(default_factory=Event)
    started: list[tuple[LocalService, process.Child]] = field(default_factory=list)

    def run(self) -> Addresses:
        """Start what is missing; return the stack's addresses."""
        before = self.state.read()
        for record in before.services.values():
            if process.find(record.child) is None:
                self.progress(record.title, "ended unexpectedly")
                # Other processes of its session may still hold its port.
                process.stop(record.child, politely=record.stop_signal)
        external = external_endpoint(self.settings, before)
        if external and not is_http_server(external):
            raise ServiceError(
                "nothing answers there",
                where=f"AWS_ENDPOINT_URL={external}",
                fix="Start that emulator, or unset the variable to get a LocalStack",
            )
        found_state = self.settings.keep_state and self.settings.paths.kept_state.exists()
        plan = choose_ports(self.settings, before, self.progress)
        given = self.settings if external else None
        found = Addresses(
            endpoint_url=external or plan.localstack_url,
            mlflow_uri=(given and given.mlflow_uri) or plan.mlflow_url,
            lake_catalog=(given and given.lake_catalog)
            or lake_catalog_uri(self.settings, plan.postgres),
        )
        branches: list[Callable[[], None]] = [lambda: self._watch(plan)]
        if not external:
            branches.append(lambda: self._emulator(plan))
        tracking = found.mlflow_uri == plan.mlflow_url
        if tracking:
            branches.append(lambda: self._artifacts(plan))
        if tracking or not (given and given.lake_catalog):
            branches.append(lambda: self._databases(plan, tracking=tracking))
        branches.append(self._images)
        try:
            self.on_addresses(found)
            self._all(branches)
            emptied = any(service.name == "localstack" for service, _ in self.started)
            if emptied and not found_state:
                # The tables' files are gone with LocalStack's memory.
                forget_tables(self.settings, plan.postgres)
            self.state.change(
                **found._asdict(),
                first_service_port=plan.first_service_port,
            )
        except BaseException:
            self._take_back()
            raise
        return found

    def _images(self) -> None:
        """Build what only the functions need while the services start."""
        for environment in OF_IMAGES:
            build_environment(self.settings.paths, environment, self.progress, self.cancelled)

    def _emulator(self, plan: Plan) -> None:
        self._ensure(localstack(self.settings, plan.localstack, plan.first_service_port))

    def _artifacts(self, plan: Plan) -> None:
        self._ensure(seaweedfs(self.settings, plan.seaweedfs, plan.first_seaweedfs_port))

    def _databases(self, plan: Plan, *, tracking: bool) -> None:
        self._ensure(postgres.postgres(self.settings, plan.postgres))
        create_lake_catalog(self.settings, plan.postgres)
        if tracking:
            self._ensure(mlflow(self.settings, plan.mlflow, plan.postgres, plan.artifacts_url))

    def _watch(self, plan: Plan) -> None:
        programs = monitoring.find_programs(self.settings)
        if programs is None:
            missing = " ".join(monitoring.missing_packages(self.settings))
            how = f"apt-get install --no-install-recommends {missing}"
            self.progress("Monitoring", f"not installed, so it is left out; to install it: {how}")
            return
        for service in monitoring.services(self.settings, programs, plan.monitoring):
            self._ensure(service)

    def _all(self, branches: list[Callable[[], None]]) -> None:
        # Ctrl-C may come while the pool starts a thread, and the pool then does not wait for it. So
        # no branch begins before all threads exist, and none begins after Ctrl-C.
        go = Event()

        def gated(branch: Callable[[], None]) -> None:
            go.wait()
            if not self.cancelled.is_set():
                branch()

        with ThreadPoolExecutor() as pool:
            try:
                futures = [pool.submit(gated, branch) for branch in branches]
                go.set()
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                # After success nothing is left to cancel. After a failure or Ctrl-C this ends the
                # others.
                self.cancelled.set()
                go.set()
        errors = [error for future in futures if (error := future.exception())]
        causes = [error for error in errors if not isinstance(error, CancelledError)]
        if errors:
            raise [*causes, *errors][0]

    def _ensure(self, service: LocalService) -> None:
        record = self.state.read().services.get(service.name)
        if record and process.find(record.child):
            if record.wiring == service.wiring and self._answers_soon(service, record):
                self.progress(service.title, f"running at {service.url}")
                return
            self.progress(service.title, "restarting")
            process.stop(record.child, politely=record.stop_signal)
        if self.cancelled.is_set():
            raise CancelledError("the start was cancelled", where=service.title)
        self.progress(service.title, "starting")
        service.prepare()
        command = service.command()
        child = process.start(command)
        self.started.append((service, child))
        self.state.record(
            service.name,
            ServiceRecord(
                title=service.title,
                child=child,
                port=service.port,
                url=service.url,
                wiring=service.wiring,
                log=command.log,
                stop_signal=service.stop_signal,
            ),
        )
        self._await(service, child, command.log, service.start_seconds)
        self.progress(service.title, f"ready at {service.url}")

    def _answers_soon(self, service: LocalService, record: ServiceRecord) -> bool:
        # A killed command may have started it a moment ago.
        try:
            self._await(service, record.child, record.log, _PATIENCE_WITH_THE_RUNNING_SECONDS)
        except ServiceError:
            return False
        return True

    def _await(
        self, service: LocalService, child: process.Child, log: Path, seconds: float
    ) -> None:
        process.wait_until_healthy(
            child,
            service.healthy,
            title=service.title,
            log=log,
            seconds=seconds,
            cancelled=self.cancelled,
        )

    def _take_back(self) -> None:
        for service, child in reversed(self.started):
            self.progress(service.title, "stopping")
            process.stop(child, politely=service.stop_signal)
            self.state.record(service.name, None)
        if self.state.read().services:
            # A part of a stack is not usable.
            self.state.change(endpoint_url=None, mlflow_uri=None, lake_catalog=None)
        else:
            self.settings.paths.state_file.unlink(missing_ok=True)
