"""`evergreen compact`: move what has landed into the tables now, and keep the tables in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from cli.shared import console
from cli.shared.examples import MODELS
from cli.shared.invocation import call
from cli.shared.options import Aws, Json, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose
from evergreen.model_definition import find_definition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_COLUMNS = ("model", "table", "day", "objects", "rows", "duplicates", "rejected")


def command(
    model: Annotated[
        str | None, typer.Argument(help="Name of the model. Default: all models.")
    ] = None,
    *,
    closed: Annotated[
        bool, typer.Option("--closed", help="Leave small days that are not over, as schedules do.")
    ] = False,
    aws: Aws = False,
    stage: Stage = "dev",
    json: Json = False,
) -> None:
    """Move what has landed of the request log and the ground truth into the tables now.

    Runs the deployed compaction function, as its schedule does. New rows are appended to the
    model's Iceberg tables, each once. Lines that are no records are set aside below `rejected/`
    with the reason. Readers see new rows before the compaction too: it makes reading faster.

    Then the tables are kept in order. Small files of closed days become one large file, snapshots
    older than 5 days expire, and files that belong to no snapshot are removed. On AWS the table
    optimizers of Glue do that, unless `table_upkeep` in cdk.json says otherwise; this command
    switches them on for new tables.

    Next: `evergreen log MODEL`.
    """
    names = [find_definition(MODELS, model).name] if model else []
    target = choose(aws=aws, stage=stage)
    event = {"include_open": not closed} | ({"model": names[0]} if names else {})
    with Steps() as steps, steps.step("compact", f"Compact {model or 'all models'}") as say:
        say("the compaction function runs;")
        answer = call(target, "CompactLogsFunctionName", event)
    if json:
        console.document(answer)
        return
    if answer["partitions"]:
        console.out.print(_table(answer["partitions"]))
    else:
        console.out.print("Nothing new has landed.")
    for line in upkeep_lines(answer["upkeep"]):
        console.out.print(line, soft_wrap=True)


def upkeep_lines(upkeep: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line about each model of which something was put in order."""
    for each in upkeep:
        if each.get("optimizers"):
            yield f"{each['model']}: Glue's optimizers switched on: {', '.join(each['optimizers'])}"
        done = {
            "small files rewritten": each.get("rewritten", 0),
            "snapshots expired": each.get("snapshots", 0),
            "unused files removed": each.get("removed", 0),
        }
        if any(done.values()):
            yield f"{each['model']}: " + ", ".join(f"{n} {what}" for what, n in done.items() if n)


def _table(partitions: list[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in _COLUMNS:
        numeric = name in {"objects", "rows", "duplicates", "rejected"}
        table.add_column(name.capitalize(), justify="right" if numeric else "left")
    for each in partitions:
        table.add_row(*(str(each[name]) for name in _COLUMNS))
    return table
