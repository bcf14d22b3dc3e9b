"""Settings of the local stack, read once from the environment, and the places of its files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.deployment.laptop import LAKE_CATALOG

if TYPE_CHECKING:
    from collections.abc import Mapping

ARTIFACT_BUCKET = "evergreen-mlflow-artifacts"

_STRICTNESS = "EVERGREEN_STRICT_"
# Of the user's variables a service sees only these. An AWS_PROFILE, MLFLOW_… or PYTHONPATH that
# happens to be set must not change how the stack behaves.
_INHERITED = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "USER",
    "EVERGREEN_LAMBDA_MEMORY_MB",
    "EVERGREEN_ATHENA",
)


@dataclass(frozen=True, slots=True)
class Paths:
    """Folders of the repository and of one local stack.

    Parameters
    ----------
    root
        The repository. Environments are built in it and shared by all stacks.
    state
        Folder of one stack: its state file, logs and data.
    """

    root: Path
    state: Path

    @property
    def requirements(self) -> Path:
        """The folder of the locks."""
        return self.root / "requirements"

    @property
    def environments(self) -> Path:
        """The folder of the virtual environments built from the locks."""
        return self.root / ".evergreen" / "environments"

    @property
    def logs(self) -> Path:
        """The folder of the services' log files."""
        return self.state / "logs"

    @property
    def firehose(self) -> Path:
        """The folder of the records that LocalStack's Firehose has not written yet."""
        return self.state / "firehose"

    @property
    def kept_state(self) -> Path:
        """The folder of the data bucket's objects and the parameters, which outlive LocalStack."""
        return self.state / "kept"

    @property
    def accesses(self) -> Path:
        """The file of what the roles of functions asked for, and whether they may."""
        return self.logs / "accesses.jsonl"

    @property
    def state_file(self) -> Path:
        """The state file, which lists the running services."""
        return self.state / "state.json"

    def python(self, environment: str) -> Path:
        """Return the interpreter of one environment."""
        return self.environments / environment / "bin" / "python"


@dataclass(frozen=True, slots=True)
class PreferredPorts:
    """The preferred ports, used if they are free; ``None`` means any free port."""

    localstack: int | None = 4566
    services: int | None = 4510
    postgres: int | None = 5433
    mlflow: int | None = 5000
    seaweedfs: int | None = 8333
    prometheus: int | None = 9090
    alertmanager: int | None = 9093
    node_exporter: int | None = 9100

    @classmethod
    def anywhere(cls) -> PreferredPorts:
        """Return ports without any preference."""
        return cls(**dict.fromkeys(each.name for each in fields(cls)))


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a local stack.

    Parameters
    ----------
    paths
        The places of its files.
    endpoint_url
        A running AWS emulator to use instead of our own LocalStack.
    mlflow_uri
        A running MLflow server to use; it counts only together with ``endpoint_url``.
    lake_catalog
        The catalogue of the lake's tables to use, instead of our own PostgreSQL: an SQLAlchemy URI,
        or ``glue`` for an emulator that has Glue. It counts only together with ``endpoint_url``.
    ports
        The preferred ports.
    inherited
        The user's environment variables that services see.
    alert_webhook
        URL to which Alertmanager sends alerts, if any.
    scrape_seconds
        Seconds between two scrapes of Prometheus.
    buffer_firehose
        Whether LocalStack's Firehose collects records as AWS does, or writes each call at once.
    keep_state
        Whether the data bucket and the parameters outlive LocalStack.
    strictness
        The variables ``EVERGREEN_STRICT_…``, which switch off single things that our plugin makes
        LocalStack as strict about as AWS.
    """

    paths: Paths
    endpoint_url: str | None = None
    mlflow_uri: str | None = None
    lake_catalog: str | None = field(default=None, repr=False)
    ports: PreferredPorts = field(default_factory=PreferredPorts)
    inherited: Mapping[str, str] = field(default_factory=dict)
    alert_webhook: str | None = field(default=None, repr=False)
    scrape_seconds: int = 30
    buffer_firehose: bool = True
    keep_state: bool = True
    strictness: Mapping[str, str] = field(default_factory=dict)


def read_settings(
    *,
    state: Path | None = None,
    ports: PreferredPorts | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Read the settings of the stack that belongs to this checkout.

    Parameters
    ----------
    state
        Folder of the stack's state; ``.evergreen`` in the repository by default.
    ports
        The preferred ports; the documented ones by default.
    environ
        The environment variables.
    """
    root = Path(__file__).resolve().parents[1]
    endpoint_url = environ.get("AWS_ENDPOINT_URL") or None
    return Settings(
        paths=Paths(root=root, state=state or root / ".evergreen"),
        endpoint_url=endpoint_url,
        mlflow_uri=(environ.get("MLFLOW_TRACKING_URI") or None) if endpoint_url else None,
        lake_catalog=(environ.get(LAKE_CATALOG) or None) if endpoint_url else None,
        ports=ports or PreferredPorts(),
        inherited={name: environ[name] for name in _INHERITED if name in environ},
        alert_webhook=environ.get("EVERGREEN_ALERT_WEBHOOK") or None,
        buffer_firehose=environ.get("EVERGREEN_FIREHOSE_BUFFER") != "off",
        keep_state=environ.get("EVERGREEN_KEPT_STATE") != "off",
        strictness={name: environ[name] for name in environ if name.startswith(_STRICTNESS)},
    )
