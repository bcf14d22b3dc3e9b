"""Check of the provisioned dashboards and alerts: runs every query (``make check-dashboards``)."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared import console
from cli.shared.target import Target
from dashboards.building.build import PROVISIONING
from dashboards.checking.answers import MAY_BE_EMPTY, QueryAnswer, QueryError, marked
from dashboards.checking.ask_cloudwatch import CloudWatchBackend
from dashboards.checking.ask_prometheus import PrometheusBackend
from dashboards.checking.provisioned import read_alerts, read_dashboards, variable_query
from evergreen.clock import utc_now
from evergreen.errors import EvergreenError
from local.settings import read_settings
from local.stack import running_stack
from local.status import Health, status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dashboards.checking.answers import Backend
    from local.settings import Settings

PERIOD_SECONDS = 300


class NoTrafficError(EvergreenError):
    """No model has answered a request yet."""


@dataclass(frozen=True, slots=True)
class QueryCheck:
    """The results of the queries of one panel, variable, annotation or alert."""

    place: str
    answers: tuple[QueryAnswer, ...]
    refused: str = ""

    @property
    def good(self) -> bool:
        """Whether every query returned data, or may be empty."""
        return not self.refused and all(answer.good for answer in self.answers)

    def __str__(self) -> str:
        """Return the printed line: the number of values that each query returned."""
        if self.refused:
            return f"FAILED  {self.place}: {self.refused}"
        answers = "; ".join(map(_told, self.answers))
        return f"{'ok    ' if self.good else 'EMPTY '}  {self.place}: {answers}"


def check_dashboards(
    folder: Path, source: str, backend: Backend, *, model: str | None = None
) -> Iterator[QueryCheck]:
    """Run every query of a data source's dashboards, and of the alert rules on it.

    Parameters
    ----------
    folder
        The provisioning folder.
    source
        ``cloudwatch`` or ``prometheus``.
    backend
        Answers the queries.
    model
        Value of the variable ``model``; by default the first one, as in Grafana.

    Raises
    ------
    NoTrafficError
        If the variable ``model`` has no values.
    """
    if model is None:
        models = _values(folder, source, "model", backend)
        if not models:
            raise NoTrafficError(
                "no model has predicted anything", where=source, fix="Send traffic to the API first"
            )
        model = models[0]
    stages = _values(folder, source, "stage", backend)
    variables = {
        "model": model,
        "stage": stages[0] if stages else "",
        "period": str(PERIOD_SECONDS),
    }
    alerts = (queries for queries in read_alerts(folder) if queries.source == source)
    for queries in chain(read_dashboards(folder, source, variables), alerts):
        try:
            yield QueryCheck(queries.place, marked(backend.answer(queries), queries.targets))
        except QueryError as error:
            yield QueryCheck(queries.place, (), str(error))


def _values(folder: Path, source: str, name: str, backend: Backend) -> list[str]:
    query = variable_query(folder, source, name)
    return backend.values(query) if query else []


def local_prometheus(settings: Settings) -> str | None:
    """Return the URL of the local stack's Prometheus, or None if it has none."""
    for service in status(settings):
        if service.name == "prometheus" and service.health is Health.RUNNING:
            return service.url
    return None


def _told(answer: QueryAnswer) -> str:
    instead = f" (asked {answer.instead})" if answer.instead else ""
    why = ""
    if not answer.values:
        why = f"may be empty: {answer.excuse}" if answer.excuse else answer.hint or ""
    return f"{answer.asks} {answer.values}{instead}{f' ({why})' if why else ''}"


def command(
    *,
    aws: Annotated[
        bool, typer.Option("--aws", help="Ask the AWS account of your credentials.")
    ] = False,
    stage: Annotated[str, typer.Option(help="Deployment stage.")] = "dev",
    prometheus: Annotated[
        str | None, typer.Option(help="URL of a Prometheus; by default the local stack's.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="The model to look at; by default the first that has predicted."),
    ] = None,
    hours: Annotated[float, typer.Option(help="How far back to look for data.")] = 3,
) -> None:
    """Run every query of the dashboards and alerts, and print one line for each panel.

    Fails if a query is refused or returns no data.
    """
    end = utc_now() + timedelta(seconds=PERIOD_SECONDS)
    start = end - timedelta(hours=hours)
    settings = read_settings()
    target = Target.aws(stage) if aws else Target.local(running_stack(settings), stage)
    if not aws:
        prometheus = prometheus or local_prometheus(settings)
    cloudwatch = CloudWatchBackend(
        target.client("cloudwatch"), start, end, emulator=target.is_emulator
    )
    backends: dict[str, Backend] = {"cloudwatch": cloudwatch}
    # The exporter has a series of every model, CloudWatch of those that have predicted.
    model = model or next(iter(_values(PROVISIONING, "cloudwatch", "model", cloudwatch)), None)
    if prometheus:
        backends["prometheus"] = PrometheusBackend(prometheus, start, utc_now())
    good = [
        _print(outcome)
        for source, backend in backends.items()
        for outcome in check_dashboards(PROVISIONING, source, backend, model=model)
    ]
    for metric, reason in MAY_BE_EMPTY.items():
        console.out.print(f"{metric} may be empty: {reason}", markup=False, soft_wrap=True)
    console.out.print(f"{sum(good)} of {len(good)} are good")
    if not prometheus:
        console.out.print("No Prometheus runs, so its dashboards were not checked")
    if not all(good):
        sys.exit(1)


def _print(outcome: QueryCheck) -> bool:
    console.out.print(str(outcome), markup=False, soft_wrap=True)
    return outcome.good


if __name__ == "__main__":
    try:
        typer.run(command)
    except EvergreenError as error:
        console.failure(str(error))
        sys.exit(1)
