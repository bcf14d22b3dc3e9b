"""The state file of a stack: the record of its running services."""

from __future__ import annotations

from pathlib import Path
from signal import Signals
from threading import Lock

from pydantic import BaseModel, ConfigDict, ValidationError

from local.files import write_whole
from local.process import Child


class ServiceRecord(BaseModel):
    """One started service."""

    model_config = ConfigDict(frozen=True)

    title: str
    child: Child
    port: int
    url: str
    wiring: str = ""
    log: Path
    stop_signal: Signals = Signals.SIGTERM


class StackState(BaseModel):
    """The services that one stack has started."""

    model_config = ConfigDict(frozen=True)

    endpoint_url: str | None = None
    """Endpoint of AWS: our LocalStack, or the emulator that the user set."""
    mlflow_uri: str | None = None
    lake_catalog: str | None = None
    first_service_port: int | None = None
    services: dict[str, ServiceRecord] = {}


class StateFile:
    """The state file; several threads of one process may change it.

    Between processes the stack's lock file prevents conflicts.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()

    def read(self) -> StackState:
        """Return the recorded state; an unreadable file counts as empty."""
        try:
            return StackState.model_validate_json(self._path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return StackState()

    def change(self, **fields: object) -> None:
        """Set fields of the state."""
        with self._lock:
            self._write(self.read().model_copy(update=fields))

    def record(self, name: str, record: ServiceRecord | None) -> None:
        """Set or remove the record of a service."""
        with self._lock:
            state = self.read()
            services = {key: value for key, value in state.services.items() if key != name}
            if record is not None:
                services[name] = record
            self._write(state.model_copy(update={"services": services}))

    def _write(self, state: StackState) -> None:
        # Only for its owner, because the catalogue's address contains a password.
        write_whole(self._path, state.model_dump_json(indent=2) + "\n", mode=0o600)
