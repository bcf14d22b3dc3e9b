"""The plan of a stack: the port of each service, and whether the user has an emulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from local import ports, process
from local.localstack import SERVICE_PORTS
from local.monitoring import Ports
from local.ports import HOST
from local.seaweedfs import INNER_PORTS

if TYPE_CHECKING:
    from local.environments import Progress
    from local.settings import Settings
    from local.state import StackState


@dataclass(frozen=True, slots=True)
class Plan:
    """The ports of one stack."""

    localstack: int
    first_service_port: int
    postgres: int
    mlflow: int
    seaweedfs: int
    first_seaweedfs_port: int
    monitoring: Ports

    @property
    def localstack_url(self) -> str:
        """URL of our LocalStack, if it is started."""
        return f"http://{HOST}:{self.localstack}"

    @property
    def mlflow_url(self) -> str:
        """URL of our MLflow, if it is started."""
        return f"http://{HOST}:{self.mlflow}"

    @property
    def artifacts_url(self) -> str:
        """URL of our SeaweedFS, if it is started."""
        return f"http://{HOST}:{self.seaweedfs}"


def choose_ports(settings: Settings, state: StackState, progress: Progress) -> Plan:
    """Choose a port for every service.

    A running service keeps its port. A service that ended gets its old port if that is free, so
    addresses that were printed before stay valid.
    """
    chosen: set[int] = set()

    def choose(name: str, title: str, preferred: int | None) -> int:
        record = state.services.get(name)
        if record and process.find(record.child):
            chosen.add(record.port)
            return record.port
        wanted = record.port if record else preferred
        port = ports.pick(wanted, frozenset(chosen))
        if wanted is not None and port != wanted:
            holder = ports.owner(wanted) or "another program"
            progress(title, f"port {wanted} is taken by {holder}; using {port}")
        chosen.add(port)
        return port

    localstack = choose("localstack", "LocalStack", settings.ports.localstack)
    postgres = choose("postgres", "PostgreSQL", settings.ports.postgres)
    mlflow = choose("mlflow", "MLflow", settings.ports.mlflow)
    seaweedfs = choose("seaweedfs", "SeaweedFS", settings.ports.seaweedfs)
    monitoring = Ports(
        choose("prometheus", "Prometheus", settings.ports.prometheus),
        choose("alertmanager", "Alertmanager", settings.ports.alertmanager),
        choose("node_exporter", "Node exporter", settings.ports.node_exporter),
    )
    record = state.services.get("localstack")
    if record and process.find(record.child) and state.first_service_port:
        first = state.first_service_port
    else:
        wanted = settings.ports.services
        first = ports.pick_block(wanted, SERVICE_PORTS, frozenset(chosen))
        if wanted is not None and first != wanted:
            progress("LocalStack", f"its service ports from {wanted} are taken; using {first}")
    chosen.update(range(first, first + SERVICE_PORTS))
    inner = ports.pick_block(None, INNER_PORTS, frozenset(chosen))
    return Plan(localstack, first, postgres, mlflow, seaweedfs, inner, monitoring)


def external_endpoint(settings: Settings, state: StackState) -> str | None:
    """Return the endpoint that the user set, or None if it is our own LocalStack's.

    It is ours if the user's shell still has the variables of an earlier ``evergreen up``.
    """
    ours = state.services.get("localstack")
    if ours and settings.endpoint_url and ours.url == settings.endpoint_url.rstrip("/"):
        return None
    return settings.endpoint_url
