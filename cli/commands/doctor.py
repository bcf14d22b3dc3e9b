"""`evergreen doctor`: find what an interruption left behind, and put it right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cli.shared import console, executions
from cli.shared.examples import MODELS
from cli.shared.options import Aws, Json, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose
from evergreen.clock import parse_period
from evergreen.model_definition import find_definition, load_definitions

if TYPE_CHECKING:
    from datetime import timedelta

    from evergreen.repair.consistency import Inconsistency


def command(
    model: Annotated[
        str | None, typer.Argument(help="Name of a model; all of them if none.")
    ] = None,
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Complete or undo what was found.")] = False,
    grace: Annotated[
        str, typer.Option(help="How old something must be to be called abandoned.")
    ] = "2 hours",
    aws: Aws = False,
    stage: Stage = "dev",
    json: Json = False,
) -> None:
    """Find what interrupted retrainings, promotions and rollbacks left behind.

    Looks for: an MLflow that shows another version than serves, a promotion, rejection or rollback
    that was not finished, a lock or a shadow slot whose execution has ended, versions nobody
    decided about, bundles, data sets and runs that belong to none. What a running retraining may
    be working on is left to it.

    With --fix everything found is completed or undone; without it nothing is changed. Exits with 1
    if something is left to do.
    """
    # MLflow takes seconds to import: only when it is needed.
    with Steps() as steps, steps.step("doctor", "Examine") as say:
        from cli.shared.manual_release import release_context_of
        from evergreen.repair.consistency import find_inconsistencies

        period = _period(grace)
        names = [find_definition(MODELS, model).name] if model else [*load_definitions(MODELS)]
        target = choose(aws=aws, stage=stage)
        context = release_context_of(target)
        findings: list[Inconsistency] = []
        for name in names:
            say(name)
            findings += find_inconsistencies(
                context,
                name,
                is_running=lambda execution: executions.is_execution_running(target, execution),
                grace=period,
            )
    if fix:
        for finding in findings:
            finding.repair()
            console.progress(finding.model, f"{finding.fix}: done")
    if json:
        console.document(
            [
                {"model": each.model, "found": each.what, "fix": each.fix, "fixed": fix}
                for each in findings
            ]
        )
    elif findings:
        console.out.print(_table(findings, fixed=fix))
        if not fix:
            console.out.print("\nRun it again with --fix to do that.")
    else:
        console.out.print(f"Nothing is wrong with {', '.join(names)}.", soft_wrap=True)
    if findings and not fix:
        raise typer.Exit(1)


def _table(findings: list[Inconsistency], *, fixed: bool) -> Table:
    table = Table("Model", "Found", "Done" if fixed else "To do", box=None, pad_edge=False)
    for finding in findings:
        table.add_row(finding.model, finding.what, finding.fix)
    return table


def _period(text: str) -> timedelta:
    try:
        return parse_period(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
