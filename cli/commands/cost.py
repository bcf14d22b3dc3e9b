"""`evergreen cost`: what a deployment to AWS costs, unused and used."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cli.shared import console
from cli.shared.options import Json
from cli.shared.progress import Steps

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    from cdk.cost.standing import read_prices
    from cli.shared.cost_tables import cost_rows, costs_of, usage_of, usage_rows  # imports aws_cdk

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


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], numbers: int) -> Table:
    table = Table(box=None, pad_edge=False)
    for place, name in enumerate(names):
        table.add_column(name, justify="right" if place >= len(names) - numbers else "left")
    for row in rows:
        table.add_row(*row)
    return table
