"""Ports of a stack, and whose emulator it uses."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from local import ports
from local.plan import choose_ports, external_endpoint
from local.process import Child
from local.seaweedfs import INNER_PORTS
from local.settings import Paths, PreferredPorts, Settings
from local.state import ServiceRecord, StackState

if TYPE_CHECKING:
    from pathlib import Path

ANY = PreferredPorts.anywhere()
ALIVE = Child(pid=os.getpid(), started=psutil.Process().create_time())
ENDED = Child(pid=os.getpid(), started=0)


@pytest.fixture
def said() -> list[tuple[str, str]]:
    return []


def settings(
    tmp_path: Path, *, preferred: PreferredPorts = ANY, endpoint_url: str | None = None
) -> Settings:
    return Settings(Paths(tmp_path, tmp_path), endpoint_url=endpoint_url, ports=preferred)


def state(tmp_path: Path, child: Child, port: int) -> StackState:
    record = ServiceRecord(
        title="LocalStack", child=child, port=port, url=f"http://127.0.0.1:{port}", log=tmp_path
    )
    return StackState(services={"localstack": record}, first_service_port=7000)


def test_all_ports_differ(tmp_path: Path, said: list[tuple[str, str]]) -> None:
    plan = choose_ports(
        settings(tmp_path), StackState(), lambda subject, what: said.append((subject, what))
    )
    block = range(plan.first_service_port, plan.first_service_port + 50)
    watching = plan.monitoring
    ports_ = [plan.localstack, plan.postgres, plan.mlflow, plan.seaweedfs]
    inner = range(plan.first_seaweedfs_port, plan.first_seaweedfs_port + INNER_PORTS)
    ports_ += [watching.prometheus, watching.alertmanager, watching.node_exporter]
    assert len({*ports_, *inner, *block}) == 7 + len(inner) + len(block)
    assert said == []


def test_taken_port_is_reported_by_service_and_owner(
    tmp_path: Path, said: list[tuple[str, str]]
) -> None:
    with socket.socket() as server:
        server.bind((ports.HOST, 0))
        server.listen(1)
        taken = server.getsockname()[1]
        preferred = replace(ANY, mlflow=taken)
        plan = choose_ports(
            settings(tmp_path, preferred=preferred),
            StackState(),
            lambda subject, what: said.append((subject, what)),
        )
    assert plan.mlflow != taken
    [(title, what)] = said
    assert title == "MLflow"
    assert f"port {taken} is taken by" in what
    assert f"process {os.getpid()}" in what
    assert f"using {plan.mlflow}" in what


def test_running_service_keeps_its_ports(tmp_path: Path) -> None:
    plan = choose_ports(settings(tmp_path), state(tmp_path, ALIVE, 7999), lambda *_: None)
    assert (plan.localstack, plan.first_service_port) == (7999, 7000)


def test_service_that_ended_gets_its_port_back(tmp_path: Path) -> None:
    free = ports.pick(None)
    plan = choose_ports(settings(tmp_path), state(tmp_path, ENDED, free), lambda *_: None)
    assert plan.localstack == free
    assert plan.localstack_url == f"http://127.0.0.1:{free}"


def test_endpoint_of_our_own_localstack_is_not_external(tmp_path: Path) -> None:
    ours = state(tmp_path, ALIVE, 7999)
    named = settings(tmp_path, endpoint_url="http://127.0.0.1:7999/")
    assert external_endpoint(named, ours) is None
    assert external_endpoint(named, StackState()) == "http://127.0.0.1:7999/"
    assert external_endpoint(settings(tmp_path), ours) is None
