"""Prometheus, its rules and Alertmanager, as `evergreen up` runs them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.metrics.catalog import SPECS
from evergreen.metrics.prometheus import prometheus_name
from functions.export_metrics.collector import AGE, UNREAD
from local import process
from local.monitoring import Ports, forget, services, watch
from local.ports import pick
from local.settings import read_settings
from tests.support.prometheus_server import need_prometheus, select, targets, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.settings import Settings

RULES = Path(__file__).resolve().parents[2] / "dashboards" / "prometheus"
KEY = "the-api-key"


@dataclass
class Outside:
    """A real HTTP server: it is the scraped deployment and the receiver of the webhook."""

    failures: int = 0
    refused: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)

    def metrics(self) -> str:
        name = "evergreen_model_load_failures_total"
        return f'# TYPE {name} counter\n{name}{{model="m"}} {self.failures}\n'


@pytest.fixture
def outside() -> Iterator[tuple[Outside, str]]:
    state = Outside()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allowed = self.headers.get("Authorization") == f"Bearer {KEY}"
            state.refused += not allowed
            self.answer(200 if allowed and self.path == "/dev/metrics" else 403, state.metrics())

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            state.told.append(json.loads(self.rfile.read(length)))
            self.answer(200, "")

        def answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Print no access log into the output of the tests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield state, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class Running:
    settings: Settings
    prometheus: str
    alertmanager: str


@pytest.fixture
def running(outside: tuple[Outside, str]) -> Iterator[Running]:
    """The three services in their own folder; Prometheus scrapes every second."""
    state = Path(tempfile.mkdtemp(prefix="evergreen-monitoring-"))
    settings = replace(
        read_settings(state=state), alert_webhook=f"{outside[1]}/hook", scrape_seconds=1
    )
    programs = need_prometheus()
    chosen: set[int] = set()
    for _ in range(3):
        chosen.add(pick(None, frozenset(chosen)))
    ports = Ports(*chosen)
    started = []
    try:
        for service in services(settings, programs, ports):
            service.prepare()
            command = service.command()
            started.append(process.start(command))
            process.wait_until_healthy(
                started[-1],
                service.healthy,
                title=service.title,
                log=command.log,
                seconds=60,
                cancelled=Event(),
            )
        yield Running(
            settings,
            f"http://127.0.0.1:{ports.prometheus}",
            f"http://127.0.0.1:{ports.alertmanager}",
        )
    finally:
        for child in reversed(started):
            process.stop(child)
        shutil.rmtree(state)


def test_an_alert_of_a_deployment_reaches_the_webhook(
    running: Running, outside: tuple[Outside, str]
) -> None:
    state, url = outside

    def healthy(*jobs: str) -> bool | None:
        found = targets(running.prometheus)
        return (set(found) == set(jobs) and set(found.values()) == {"up"}) or None

    ours = ("node", "prometheus", "alertmanager")
    wait(lambda: healthy(*ours), seconds=60, what="it watches itself and the machine")
    watch(running.settings.paths, f"{url}/dev", KEY, "dev")
    wait(lambda: healthy("evergreen", *ours), seconds=60, what="it scrapes the deployment")
    name = "evergreen_model_load_failures_total"
    (series,) = select(running.prometheus, name)
    assert series["metric"].items() >= {"model": "m", "stage": "dev", "job": "evergreen"}.items()
    assert series["value"][1] == "0"
    assert state.told == []

    state.failures = 1
    wait(lambda: state.told or None, seconds=60, what="Alertmanager calls the webhook")
    (alert,) = state.told[0]["alerts"]
    assert alert["status"] == "firing"
    assert alert["labels"]["alertname"] == "EvergreenModelLoadFailed"
    assert alert["labels"]["model"] == "m"
    assert "m could not load" in alert["annotations"]["summary"]
    assert state.refused == 0

    forget(running.settings.paths)
    wait(lambda: healthy(*ours), seconds=60, what="it has forgotten the deployment")


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    need_prometheus()
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)


def test_the_rules_do_what_their_tests_say() -> None:
    done = promtool("test", "rules", RULES / "tests" / "rules.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_rule_would_fail_its_test(tmp_path: Path) -> None:
    shutil.copytree(RULES, tmp_path / "rules")
    alerts = tmp_path / "rules" / "alerts.yml"
    alerts.write_text(alerts.read_text().replace("ratio_rate5m > 0.05", "ratio_rate5m > 0.5"))
    done = promtool("test", "rules", tmp_path / "rules" / "tests" / "rules.yml")
    assert done.returncode == 1
    assert "EvergreenServerErrors" in done.stdout + done.stderr


def test_every_alert_is_tested() -> None:
    alerts = re.findall(r"- alert: (\w+)", (RULES / "alerts.yml").read_text())
    tested = re.findall(r"alertname: (\w+)", (RULES / "tests" / "rules.yml").read_text())
    assert alerts
    assert set(tested) == set(alerts)


def test_rules_name_only_metrics_that_there_are() -> None:
    text = "".join((RULES / name).read_text() for name in ("recording.yml", "alerts.yml"))
    known = {
        name + ending
        for spec in SPECS
        for name in [prometheus_name(spec)]
        for ending in (("", "_sum", "_count") if spec.kind == "distribution" else ("",))
    }
    named = set(re.findall(r"(?<![:\w])evergreen_\w+", text))
    assert named
    assert named <= known | {UNREAD, AGE}
    recorded = set(re.findall(r"record: (\S+)", text))
    assert set(re.findall(r"\w+:evergreen_\w+:\w+", text)) == recorded
