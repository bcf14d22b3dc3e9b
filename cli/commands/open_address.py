"""`evergreen open`: list or open the web pages of a deployment."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cli.shared import console
from cli.shared.options import Aws, Json, Stage
from cli.shared.target import choose
from evergreen.errors import EvergreenError
from local.settings import read_settings
from local.status import Health, status

if TYPE_CHECKING:
    from cli.shared.target import Target

_MONITORING = {"prometheus": "metrics and alert rules", "alertmanager": "alerts that fire"}


_WITH_KEY = ("status", "api")


class NoSuchPlaceError(EvergreenError):
    """The deployment has no page of that name."""


@dataclass(frozen=True, slots=True)
class Place:
    """A web page of a deployment."""

    url: str
    what: str


def command(
    place: Annotated[
        str | None, typer.Argument(help="Name of the page to open. Default: list all pages.")
    ] = None,
    *,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """List the web pages of a deployment, or open one of them in your browser.

    The status page asks for the API key once. `--json` prints the key and opens nothing. LocalStack
    has no console, so the list has no page of executions there.

    Next: `evergreen open status`.
    """
    target = choose(aws=aws, stage=stage)
    places = places_of(target)
    if place is not None:
        _open(target, places, place, json=json)
    elif json:
        console.document(
            {
                "api_key": target.api_key,
                **{name: {"url": each.url, "what": each.what} for name, each in places.items()},
            }
        )
    else:
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(no_wrap=True, overflow="ignore")
        for name, each in places.items():
            table.add_row(name, f"{each.what}\n{each.url}")
        console.out.print(table, soft_wrap=True)
        console.out.print("\nOpen one: `evergreen open NAME`", markup=False)


def places_of(target: Target) -> dict[str, Place]:
    """Return the pages of a deployment by name."""
    machine = target.output("StateMachineArn")
    places = {
        "status": Place(f"{target.api_url}/", "status page: models, drift, decisions, traffic"),
        "api": Place(f"{target.api_url}/docs", "documentation of the API"),
    }
    if target.is_emulator:
        places |= _local(target)
        return places
    region = machine.split(":")[3]
    places["executions"] = Place(
        f"https://{region}.console.aws.amazon.com/states/home?region={region}"
        f"#/statemachines/view/{machine}",
        "retrainings, state by state",
    )
    for name, what in (("mlflow", "runs and versions"), ("grafana", "dashboards")):
        if url := target.outputs.get(f"{name.capitalize()}Url"):
            places[name] = Place(url, f"{what}; reached from inside the VPC, see docs/services.md")
    return places


def _local(target: Target) -> dict[str, Place]:
    found = {}
    if target.mlflow_uri:
        found["mlflow"] = Place(f"{target.mlflow_uri}/#/models", "runs, versions and artifacts")
    for service in status(read_settings()):
        if service.name in _MONITORING and service.health is Health.RUNNING:
            found[service.name] = Place(service.url, _MONITORING[service.name])
    return found


def _open(target: Target, places: dict[str, Place], name: str, *, json: bool) -> None:
    if name not in places:
        raise NoSuchPlaceError(
            f"there is no page {name!r}", fix=f"Known pages: {', '.join(places)}"
        )
    url = places[name].url
    if json:  # for a script, which opens it itself
        key = {"api_key": target.api_key} if name in _WITH_KEY else {}
        console.document({"url": url, "what": places[name].what, **key})
        return
    if name in _WITH_KEY:
        console.progress("key", f"the page takes it: `evergreen open {name} --json` prints it")
    if webbrowser.open(url):
        console.out.print(f"Opened {url}", soft_wrap=True, markup=False)
    else:
        console.out.print(f"No browser found. The address is {url}", soft_wrap=True, markup=False)
