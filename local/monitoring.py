"""The monitoring services Prometheus, Alertmanager and node exporter, if they are installed.

No other service depends on them. Without them the stack works, but nothing monitors it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from local.files import write_whole
from local.ports import HOST
from local.process import Command
from local.service import LocalService, answers

if TYPE_CHECKING:
    from local.settings import Paths, Settings

PACKAGES = ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter")
"""Their packages on Debian and Ubuntu; the programs have the same names there."""
HEALTH = {"prometheus": "/-/ready", "alertmanager": "/-/ready", "node_exporter": "/"}
"""Readiness path of each service, by its name."""

_ELSEWHERE = {
    "prometheus-alertmanager": "alertmanager",
    "prometheus-node-exporter": "node_exporter",
}
_TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of the three programs."""

    prometheus: Path
    alertmanager: Path
    node_exporter: Path


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of the three services."""

    prometheus: int
    alertmanager: int
    node_exporter: int


def missing_packages(settings: Settings) -> list[str]:
    """Return the packages whose programs are not on the path."""
    return [package for package in PACKAGES if _find(settings, package) is None]


def find_programs(settings: Settings) -> Programs | None:
    """Return the paths of the programs, or None unless all three are installed."""
    found = [path for package in PACKAGES if (path := _find(settings, package)) is not None]
    return Programs(*found) if len(found) == len(PACKAGES) else None


def services(settings: Settings, programs: Programs, ports: Ports) -> tuple[LocalService, ...]:
    """Describe the three services. Prometheus comes last, because it calls the others."""

    def listen(port: int) -> str:
        return f"--web.listen-address={HOST}:{port}"

    node_exporter = _Described("node_exporter", "Node exporter", ports.node_exporter)
    alertmanager = _Described(
        "alertmanager", "Alertmanager", ports.alertmanager, _alertmanager_config(settings)
    )
    prometheus = _Described(
        "prometheus", "Prometheus", ports.prometheus, _prometheus_config(settings, ports)
    )
    state = settings.paths.state
    return (
        node_exporter.service(settings, str(programs.node_exporter), listen(ports.node_exporter)),
        alertmanager.service(
            settings,
            str(programs.alertmanager),
            listen(ports.alertmanager),
            f"--config.file={alertmanager.config_file(state)}",
            f"--storage.path={state / 'alertmanager' / 'data'}",
            "--cluster.listen-address=",  # a single Alertmanager needs no cluster port
        ),
        prometheus.service(
            settings,
            str(programs.prometheus),
            listen(ports.prometheus),
            f"--config.file={prometheus.config_file(state)}",
            f"--storage.tsdb.path={state / 'prometheus' / 'data'}",
        ),
    )


def watch(paths: Paths, api_url: str, api_key: str, stage: str) -> None:
    """Make Prometheus scrape a deployment; a running Prometheus notices the change itself.

    Parameters
    ----------
    paths
        Folders of the stack that Prometheus belongs to.
    api_url
        Base URL of the deployment's REST API.
    api_key
        API key, sent as a bearer token.
    stage
        The deployment stage, added to every series as a label.
    """
    folder = _make_scraped(paths)
    write_whole(folder / "api.key", api_key, 0o644)
    url = urlsplit(api_url)
    labels = {
        "__scheme__": url.scheme,
        "__metrics_path__": f"{url.path.rstrip('/')}/metrics",
        "stage": stage,
    }
    targets = [{"targets": [url.netloc], "labels": labels}]
    write_whole(folder / "targets.json", json.dumps(targets), 0o644)


def forget(paths: Paths) -> None:
    """Make Prometheus stop scraping, after the deployment is gone."""
    (_scraped(paths) / "targets.json").unlink(missing_ok=True)


def remove_data(paths: Paths) -> None:
    """Delete all stored series and alerts."""
    for name in HEALTH:
        shutil.rmtree(paths.state / name, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Described:
    """One monitoring service: its names, its port and the text of its configuration."""

    name: str
    title: str
    port: int
    config: str = ""

    def config_file(self, state: Path) -> Path:
        return state / self.name / f"{self.name}.yml"

    def service(self, settings: Settings, *arguments: str) -> LocalService:
        url = f"http://{HOST}:{self.port}"
        state = settings.paths.state
        return LocalService(
            name=self.name,
            title=self.title,
            url=url,
            port=self.port,
            # A hash and not the text, because the address of a webhook may be a secret.
            wiring=hashlib.sha256(self.config.encode()).hexdigest(),
            prepare=lambda: self._configure(settings.paths),
            command=lambda: Command(
                arguments=arguments,
                environment=settings.inherited,
                folder=state / self.name,
                log=settings.paths.logs / f"{self.name}.log",
            ),
            healthy=lambda: answers(url + HEALTH[self.name]),
        )

    def _configure(self, paths: Paths) -> None:
        if self.config:
            write_whole(self.config_file(paths.state), self.config)
        if self.name == "prometheus":
            _make_scraped(paths)  # it watches only folders that exist when it starts


def _scraped(paths: Paths) -> Path:
    return paths.state / "prometheus" / "scraped"


def _make_scraped(paths: Paths) -> Path:
    folder = _scraped(paths)
    folder.mkdir(parents=True, exist_ok=True)
    # A Prometheus in a container runs as another user and sees only this folder. So everyone may
    # read the folder, but only the owner may enter its parent.
    folder.parent.chmod(0o700)
    folder.chmod(0o755)
    return folder


def _prometheus_config(settings: Settings, ports: Ports) -> str:
    folder = _scraped(settings.paths)
    return _fill(
        "prometheus.yml",
        interval=f"{settings.scrape_seconds}s",
        rules=str(settings.paths.root / "dashboards" / "prometheus"),
        targets=str(folder / "targets.json"),
        api_key=str(folder / "api.key"),
        prometheus=f"{HOST}:{ports.prometheus}",
        alertmanager=f"{HOST}:{ports.alertmanager}",
        node_exporter=f"{HOST}:{ports.node_exporter}",
    )


def _alertmanager_config(settings: Settings) -> str:
    url = settings.alert_webhook
    webhooks = [{"url": url, "send_resolved": True}] if url else []
    return _fill("alertmanager.yml", webhooks=json.dumps(webhooks))


def _fill(template: str, **values: str) -> str:
    return Template((_TEMPLATES / template).read_text()).substitute(values)


def _find(settings: Settings, package: str) -> Path | None:
    path = settings.inherited.get("PATH", "")
    names = (package, _ELSEWHERE.get(package, package))
    found = next((found for name in names if (found := shutil.which(name, path=path))), None)
    return Path(found) if found else None
