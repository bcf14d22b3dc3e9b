"""`evergreen cost`: what a deployment to AWS costs while nobody uses it."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.table import Table

from cdk.cost.standing import Cost, PriceList, read_prices, scheduled_costs, standing_costs
from cdk.deployment import read_deployment
from cli.shared import console
from cli.shared.examples import MODELS
from cli.shared.options import Json
from cli.shared.progress import Steps


def command(
    *,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting in place of cdk.json's, such as tracking=fargate."),
    ] = None,
    json: Json = False,
) -> None:
    """Say what a deployment to AWS costs in a month without any request.

    The command synthesises the app with the settings of cdk.json and counts what its templates
    have that is billed by the month or the hour: keys, alarms, snapshots, gateways, tasks,
    databases. It adds the runs of the schedules and the metrics that they write. The prices and
    their date are in cdk/cost/prices.toml. It needs no AWS account.

    The last column is without what AWS gives every account for nothing each month; other things in
    your account share that. Requests, logs, storage and retraining are billed by use and are not
    in the table.

    Next: `evergreen deploy --aws`.
    """
    chosen = dict(each.split("=", 1) for each in setting or [] if "=" in each)
    prices = read_prices()
    with Steps() as steps, steps.step("cost", "Synthesise the app") as say:
        say("reading the templates")
        costs = costs_of(chosen, prices)
    if json:
        console.document(
            {"date": prices.date.isoformat(), "costs": [asdict(each) for each in costs]}
        )
        return
    console.out.print(_table(costs))
    console.out.print(
        f"\nUS dollars a month, us-east-1, prices of {prices.date}. Without requests, logs, "
        "storage and retraining, which are billed by use.",
        markup=False,
    )


def costs_of(chosen: dict[str, str], prices: PriceList) -> list[Cost]:
    """Return the lines of the table for the settings of ``cdk.json`` and those in ``chosen``."""
    import app  # the composition of all stacks; it starts Node

    with TemporaryDirectory() as folder:
        app.synthesise(chosen, MODELS, folder)
        files = sorted(Path(folder).glob("*.template.json"))
        templates = [json_text.loads(file.read_bytes()) for file in files]
    context = json_text.loads((MODELS.parent / "cdk.json").read_bytes())["context"]
    deployment = read_deployment({**context, **chosen}, MODELS)
    scheduled = scheduled_costs(deployment.models.values(), deployment.settings, prices)
    return [*standing_costs(templates, prices), *scheduled]


def cost_rows(costs: list[Cost]) -> list[tuple[str, str, str, str]]:
    """Return the cells of the table: what, formula, list price, without what is free."""
    known = [(each, each.dollars) for each in costs if each.dollars is not None]
    total = sum(dollars for _, dollars in known)
    paid = sum(dollars - each.free for each, dollars in known)
    lines = [
        (each.what, each.formula, _money(each.dollars), _money(each.dollars, each.free))
        for each in costs
    ]
    return [*lines, ("Together", "", _money(total), _money(paid))]


def _money(dollars: float | None, free: float = 0) -> str:
    return "?" if dollars is None else f"${dollars - free:.2f}"


def _table(costs: list[Cost]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("", "formula", "list price", "less free"):
        table.add_column(name, justify="right" if name.startswith(("list", "less")) else "left")
    for row in cost_rows(costs):
        table.add_row(*row)
    return table
