"""Status of the services of the local stack."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import psutil

from local import monitoring, postgres, process
from local.localstack import is_healthy
from local.service import answers, is_http_server
from local.state import ServiceRecord, StateFile

if TYPE_CHECKING:
    from pathlib import Path

    from local.settings import Settings


class Health(StrEnum):
    """Health of a service."""

    RUNNING = "running"
    NOT_ANSWERING = "not answering"
    ENDED = "ended"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service as `evergreen status` shows it; ``memory_mb`` is in MiB, with its children."""

    name: str
    title: str
    health: Health
    url: str
    pid: int | None = None
    memory_mb: int | None = None
    log: Path | None = None


def status(settings: Settings) -> list[ServiceStatus]:
    """Return the status of every started service; an empty list means that the stack is down."""
    state = StateFile(settings.paths.state_file).read()
    statuses = [_service(settings, name, record) for name, record in state.services.items()]
    if state.endpoint_url and "localstack" not in state.services:
        health = Health.EXTERNAL if is_http_server(state.endpoint_url) else Health.NOT_ANSWERING
        statuses.insert(0, ServiceStatus("aws", "AWS emulator", health, state.endpoint_url))
    return statuses


def unwritten_bytes(settings: Settings) -> int:
    """Return the size of what LocalStack's Firehose accepted and has not written to S3 yet."""
    if not settings.paths.firehose.is_dir():
        return 0
    size = 0
    for file in settings.paths.firehose.iterdir():
        with suppress(FileNotFoundError):  # written just now
            size += file.stat().st_size
    return size


def _service(settings: Settings, name: str, record: ServiceRecord) -> ServiceStatus:
    program = process.find(record.child)
    if program is None:
        return ServiceStatus(name, record.title, Health.ENDED, record.url, log=record.log)
    return ServiceStatus(
        name,
        record.title,
        Health.RUNNING if _is_healthy(settings, name, record) else Health.NOT_ANSWERING,
        record.url,
        pid=record.child.pid,
        memory_mb=_memory_mb(program),
        log=record.log,
    )


def _is_healthy(settings: Settings, name: str, record: ServiceRecord) -> bool:
    if name == "postgres":
        return postgres.is_ready(settings, record.port)
    if name == "localstack":
        return is_healthy(record.url)
    if name == "seaweedfs":
        return answers(f"{record.url}/healthz")
    return answers(record.url + monitoring.HEALTH.get(name, "/health"))


def _memory_mb(program: psutil.Process) -> int:
    used = 0
    for member in [program, *program.children(recursive=True)]:
        try:
            used += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return used // 2**20
