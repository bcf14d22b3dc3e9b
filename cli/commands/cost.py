"""`evergreen cost`: what a deployment to AWS costs, unused and used."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cdk.cost.standing import Cost, PriceList, read_prices, scheduled_costs, standing_costs
from cdk.cost.usage import Traffic, usage_costs
from cdk.deployment import read_deployment
from cli.shared import console
from cli.shared.examples import MODELS
from cli.shared.options import Json
from cli.shared.progress import Steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cdk.deployment import Deployment

MILLIONS = (1_000_000, 10_000_000, 100_000_000)
"""Predicted rows a month, where none are given."""


def command(
    *,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting in place of cdk.json's, such as tracking=fargate."),
    ] = None,
    predictions: Annotated[
        list[int] | None,
        typer.Option(help="Predicted rows a month; several times for several columns.", min=1),
    ] = None,
    rows: Annotated[int, typer.Option(help="Rows of a request.", min=1, max=10_000)] = 1,
    json: Json = False,
) -> None:
    """Say what a deployment to AWS costs in a month, without any request and with many.

    The command synthesises the app with the settings of cdk.json and counts what its templates
    have that is billed by the month or the hour: keys, alarms, snapshots, gateways, tasks,
    databases. It adds the runs of the schedules and the metrics that they write. The prices and
    their date are in cdk/cost/prices.toml. It needs no AWS account.

    The last column is without what AWS gives every account for nothing each month; other things in
    your account share that. A second table has what predictions cost beside that, at list price:
    at 1, 10 and 100 million a month, or at the numbers of --predictions. Retraining, ground truth,
    reads of the log and data transfer are billed by use and are not in the tables.

    Next: `evergreen deploy --aws`.
    """
    chosen = dict(each.split("=", 1) for each in setting or [] if "=" in each)
    prices = read_prices()
    with Steps() as steps, steps.step("cost", "Synthesise the app") as say:
        say("reading the templates")
        costs = costs_of(chosen, prices)
    used = usage_of(chosen, prices, predictions or [*MILLIONS], rows)
    if json:
        console.document(
            {
                "date": prices.date.isoformat(),
                "costs": [asdict(each) for each in costs],
                "usage": [
                    {"predictions": number, "costs": [asdict(each) for each in lines]}
                    for number, lines in used.items()
                ],
            }
        )
        return
    console.out.print(
        _table(("", "formula", "list price", "less free"), cost_rows(costs), numbers=2)
    )
    columns = [f"{number:,}" for number in used]
    console.out.print()
    console.out.print(
        _table(("rows a month", "formula", *columns), usage_rows(used), numbers=len(columns))
    )
    console.out.print(
        f"\nUS dollars a month, us-east-1, prices of {prices.date}. Without retraining, ground "
        "truth, reads of the log and data transfer.",
        markup=False,
    )


def costs_of(chosen: dict[str, str], prices: PriceList) -> list[Cost]:
    """Return what an unused deployment costs, with the settings of ``cdk.json`` and ``chosen``."""
    import app  # the composition of all stacks; it starts Node

    with TemporaryDirectory() as folder:
        app.synthesise(chosen, MODELS, folder)
        files = sorted(Path(folder).glob("*.template.json"))
        templates = [json_text.loads(file.read_bytes()) for file in files]
    deployment = _deployment(chosen)
    scheduled = scheduled_costs(deployment.models.values(), deployment.settings, prices)
    return [*standing_costs(templates, prices), *scheduled]


def usage_of(
    chosen: dict[str, str], prices: PriceList, predictions: list[int], rows: int
) -> dict[int, list[Cost]]:
    """Return what predictions cost beside that, by their number in a month."""
    deployment = _deployment(chosen)
    models, settings = [*deployment.models.values()], deployment.settings
    return {
        number: [*usage_costs(Traffic(number, rows), models, settings, prices)]
        for number in predictions
    }


def _deployment(chosen: dict[str, str]) -> Deployment:
    context = json_text.loads((MODELS.parent / "cdk.json").read_bytes())["context"]
    return read_deployment({**context, **chosen}, MODELS)


def usage_rows(used: Mapping[int, list[Cost]]) -> list[tuple[str, ...]]:
    """Return the cells of the table: what, formula, and the dollars of each number of rows."""
    columns = [*used.values()]
    lines = [
        (first.what, first.formula, *(_money(each[place].dollars) for each in columns))
        for place, first in enumerate(columns[0])
    ]
    totals = (_money(sum(each.dollars or 0 for each in lines)) for lines in columns)
    return [*lines, ("Together", "", *totals)]


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


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], numbers: int) -> Table:
    table = Table(box=None, pad_edge=False)
    for place, name in enumerate(names):
        table.add_column(name, justify="right" if place >= len(names) - numbers else "left")
    for row in rows:
        table.add_row(*row)
    return table
