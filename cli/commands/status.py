"""`evergreen status`: show the services of the local stack and the state of each model."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table

from cli.shared import console
from cli.shared.model_states import model_table, read_model_states, remarks
from cli.shared.options import Aws, Json, Stage
from cli.shared.target import choose
from evergreen.deployment.connection import NotDeployedError
from local.settings import Settings, read_settings
from local.stack import StackNotRunningError, running_stack
from local.status import Health, ServiceStatus, status, unwritten_bytes

if TYPE_CHECKING:
    from cli.shared.model_states import ModelStates

_COLOURS = {
    Health.RUNNING: "green",
    Health.EXTERNAL: "green",
    Health.NOT_ANSWERING: "yellow",
    Health.ENDED: "red",
}


def command(*, aws: Aws = False, stage: Stage = None, json: Json = False) -> None:
    """Show every service of the local stack, and what serves of each model.

    Of a service: health, address, process and memory. Of a model: the version in production and
    since when, the newest drift check, how old the newest metric is, the challenger in the shadow,
    if there is one, and the retraining that runs: its state, and whether it waits for MLflow.

    Exits with 1 if the stack or one of its services does not run. With --aws it shows the models
    alone.

    Next: `evergreen history MODEL`, or the status page: `evergreen open status`.
    """
    settings = read_settings()
    services = [] if aws else status(settings)
    if not aws and not json:
        _show_services(services, settings)
    models = _models(aws=aws, stage=stage, running=bool(services))
    if json:
        console.document(
            {
                "services": [asdict(service) for service in services],
                "models": _documents(models) if models else [],
                "faults": dict(models.faults) if models else {},
            }
        )
    elif models:
        console.out.print()
        console.out.print(model_table(models))
        for remark in remarks(models):
            console.out.print(remark, soft_wrap=True, markup=False)
    if not aws:
        running_stack(settings)
    if any(service.health is Health.NOT_ANSWERING for service in services):
        raise typer.Exit(1)


def _documents(states: ModelStates) -> list[dict[str, Any]]:
    return [
        {**model.model_dump(mode="json"), "deployed": model.name not in states.undeployed}
        for model in states.status.models
    ]


def _models(*, aws: bool, stage: str | None, running: bool) -> ModelStates | None:
    """Return the state of the models; None if the local stack is down, or nothing is deployed."""
    if aws:
        return read_model_states(choose(aws=True, stage=stage))
    if not running:
        return None
    try:
        return read_model_states(choose(aws=False, stage=stage))
    except (NotDeployedError, StackNotRunningError) as error:
        console.progress("models", str(error))
        return None


def _show_services(services: list[ServiceStatus], settings: Settings) -> None:
    if not services:
        return
    console.out.print(_table(services))
    if any(service.name == "localstack" for service in services):
        console.out.print(f"\nFirehose: {_firehose(settings)}", soft_wrap=True)
    console.out.print(f"\nLogs: {settings.paths.logs}", soft_wrap=True)


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
