"""`evergreen status`: show the services of the local stack."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from cli.shared import console
from local.settings import Settings, read_settings
from local.stack import running_stack
from local.status import Health, ServiceStatus, status, unwritten_bytes

_COLOURS = {
    Health.RUNNING: "green",
    Health.EXTERNAL: "green",
    Health.NOT_ANSWERING: "yellow",
    Health.ENDED: "red",
}


def command(
    *, json: Annotated[bool, typer.Option("--json", help="Print the same as JSON.")] = False
) -> None:
    """Show every service of the local stack: its health, address, process and memory.

    Exits with 1 if the stack or one of its services does not run.
    """
    settings = read_settings()
    services = status(settings)
    if json:
        console.document([asdict(service) for service in services])
    elif services:
        console.out.print(_table(services))
        if any(service.name == "localstack" for service in services):
            console.out.print(f"\nFirehose: {_firehose(settings)}", soft_wrap=True)
        console.out.print(f"\nLogs: {settings.paths.logs}", soft_wrap=True)
    running_stack(settings)
    if any(service.health is Health.NOT_ANSWERING for service in services):
        raise typer.Exit(1)


def _firehose(settings: Settings) -> str:
    if not settings.buffer_firehose:
        return "set to write each call at once (EVERGREEN_FIREHOSE_BUFFER=off)"
    waiting = unwritten_bytes(settings)
    return f"collects records as on AWS; {waiting / 1024:,.1f} KiB are not in S3 yet"


def _table(services: list[ServiceStatus]) -> Table:
    table = Table("Service", "Health", "Address", "Process", "Memory", box=None)
    for service in services:
        table.add_row(
            service.title,
            f"[{_COLOURS[service.health]}]{service.health}",
            service.url,
            str(service.pid or ""),
            f"{service.memory_mb} MB" if service.memory_mb is not None else "",
        )
    return table
