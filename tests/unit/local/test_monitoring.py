"""What Prometheus and Alertmanager are told, and what happens where they are not installed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from local.monitoring import (
    PACKAGES,
    Ports,
    Programs,
    find_programs,
    forget,
    missing_packages,
    remove_data,
    services,
    watch,
)
from local.settings import Paths, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from local.service import LocalService

PORTS = Ports(prometheus=1001, alertmanager=1002, node_exporter=1003)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(Paths(tmp_path, tmp_path / "state"), inherited={"PATH": str(tmp_path / "bin")})


def install(settings: Settings, *names: str) -> Path:
    folder = settings.paths.root / "bin"
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch(mode=0o755)
    return folder


def described(settings: Settings) -> dict[str, LocalService]:
    folder = settings.paths.root / "bin"
    programs = Programs(folder / "p", folder / "a", folder / "n")
    return {service.name: service for service in services(settings, programs, PORTS)}


def test_all_three_or_none(settings: Settings) -> None:
    install(settings, "prometheus", "prometheus-node-exporter")
    assert find_programs(settings) is None
    assert missing_packages(settings) == ["prometheus-alertmanager"]
    folder = install(settings, "prometheus-alertmanager")
    assert missing_packages(settings) == []
    assert find_programs(settings) == Programs(*(folder / package for package in PACKAGES))


def test_the_names_of_their_makers_are_known_too(settings: Settings) -> None:
    folder = install(settings, "prometheus", "alertmanager", "node_exporter")
    names = ("prometheus", "alertmanager", "node_exporter")
    assert find_programs(settings) == Programs(*(folder / name for name in names))


def test_every_service_listens_on_the_loopback_address_alone(settings: Settings) -> None:
    for name, service in described(settings).items():
        assert service.url == f"http://127.0.0.1:{getattr(PORTS, name)}"
        listening = [each for each in service.command().arguments if "web.listen-address" in each]
        assert listening == [f"--web.listen-address=127.0.0.1:{service.port}"]
        assert service.command().folder == settings.paths.state / name


def test_prometheus_is_restarted_when_its_configuration_changes(settings: Settings) -> None:
    before = described(settings)
    after = described(replace(settings, scrape_seconds=5, alert_webhook="http://hook/s3cret"))
    assert before["prometheus"].wiring != after["prometheus"].wiring
    assert before["alertmanager"].wiring != after["alertmanager"].wiring
    assert before["node_exporter"].wiring == after["node_exporter"].wiring
    assert "s3cret" not in after["alertmanager"].wiring


def test_configuration_is_written_before_the_start(settings: Settings) -> None:
    told = described(replace(settings, alert_webhook="http://hook/1"))
    for service in told.values():
        service.prepare()
    state = settings.paths.state
    prometheus = (state / "prometheus" / "prometheus.yml").read_text()
    assert str(settings.paths.root / "dashboards" / "prometheus") in prometheus
    assert "scrape_interval: 30s" in prometheus
    assert "$" not in prometheus
    alertmanager = (state / "alertmanager" / "alertmanager.yml").read_text()
    assert '[{"url": "http://hook/1", "send_resolved": true}]' in alertmanager
    described(settings)["alertmanager"].prepare()
    assert "webhook_configs: []" in (state / "alertmanager" / "alertmanager.yml").read_text()


def test_what_is_deployed_is_watched_and_forgotten(settings: Settings) -> None:
    folder = settings.paths.state / "prometheus" / "scraped"
    forget(settings.paths)  # nothing was watched
    watch(settings.paths, "http://127.0.0.1:4566/_aws/execute-api/a1/dev", "key", "dev")
    (group,) = json.loads((folder / "targets.json").read_text())
    assert group == {
        "targets": ["127.0.0.1:4566"],
        "labels": {
            "__scheme__": "http",
            "__metrics_path__": "/_aws/execute-api/a1/dev/metrics",
            "stage": "dev",
        },
    }
    assert (folder / "api.key").read_text() == "key"
    assert folder.parent.stat().st_mode & 0o777 == 0o700  # nobody else reaches the key
    forget(settings.paths)
    assert not (folder / "targets.json").exists()
    remove_data(settings.paths)
    assert not folder.exists()
