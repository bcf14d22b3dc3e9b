"""`evergreen labels import`: ground truth from a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared import console
from cli.shared.deployed_models import require_deployed
from cli.shared.examples import MODELS
from cli.shared.options import Aws, Json, ModelArgument, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose
from evergreen.model_definition import find_definition

if TYPE_CHECKING:
    from cli.shared.label_imports import Imported

app = typer.Typer(
    help="Send ground truth in bulk.", no_args_is_help=True, rich_markup_mode="markdown"
)


@app.callback()
def _labels() -> None:
    """Send ground truth in bulk."""


@app.command("import")
def import_command(
    model: ModelArgument,
    file: Annotated[
        Path,
        typer.Argument(
            help="A CSV, Parquet or JSON-lines file.", exists=True, dir_okay=False, readable=True
        ),
    ],
    *,
    column: Annotated[
        list[str] | None,
        typer.Option(help="What the file calls a field: `label=arr_late`. May be repeated."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Where refused lines are listed. Default: FILE.refused.csv."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Send the whole file, although it was sent before.")
    ] = False,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Send the ground truth of a file of any size.

    The format shows in the file's first bytes. A CSV file has a header. The columns of the file:

    - `request_id`: that of the prediction's answer; or `id`, the caller's own id of the request,
    - `row`: the number of the row in that request, from 0; 0 if it is left out,
    - `label`: the class, or the number, that turned out to be true,
    - `observed_at`: when it turned out, such as 2026-01-31T08:00:00Z; now if it is left out.

    Other columns are ignored. If the file has other names, give them with --column. A JSON line may
    also have the form in which SageMaker Model Monitor merges ground truth: `groundTruthData`,
    with the request_id or the id as `eventId`.

    Each label is held against the same limits as at the API. A line that is refused stops no other:
    the report has its number, the field and the reason. Then the command exits with 1.

    After Ctrl-C, or a kill, run the command again: it goes on where it stopped. A label may be sent
    again; the one that came last counts. At the end the command looks the labels up in the request
    log. Run it again later to look them up once more; nothing is sent twice.

    Next: `evergreen check-drift MODEL` tests the performance on the labelled rows.
    """
    find_definition(MODELS, model)
    columns = _columns(column or [])
    # pyarrow takes a while to import. So it is imported only here.
    from cli.shared.label_imports import import_file
    from evergreen.capture.label_files import LabelFile

    target = choose(aws=aws, stage=stage)
    require_deployed(target, model)
    with Steps() as steps, TemporaryDirectory(prefix="evergreen-") as scratch:
        imported = import_file(
            target,
            find_definition(MODELS, model),
            LabelFile(file, columns),
            report=report or file.with_name(f"{file.name}.refused.csv"),
            again=again,
            steps=steps,
            scratch=Path(scratch),
        )
    if json:
        console.document(_document(model, imported))
    else:
        for text in _told(imported):
            console.out.print(text, soft_wrap=True, markup=False)
    if imported.progress.refused:
        raise typer.Exit(1)


def _columns(given: list[str]) -> dict[str, str]:
    from evergreen.capture.label_files import LABEL_FIELDS

    columns: dict[str, str] = {}
    for text in given:
        name, equals, column = text.partition("=")
        if not equals or not column or name not in LABEL_FIELDS:
            raise typer.BadParameter(
                f"{text!r} is not FIELD=COLUMN, with a field of {', '.join(LABEL_FIELDS)}",
                param_hint="--column",
            )
        columns[name] = column
    return columns


def _document(model: str, imported: Imported) -> dict[str, object]:
    progress = imported.progress
    return {
        "model": model,
        "file": str(imported.file),
        "already_imported": imported.already,
        "started_at": progress.started_at,
        "finished_at": progress.finished_at,
        "lines": progress.lines,
        "accepted": progress.accepted,
        "repeated": progress.repeated,
        "refused": progress.refused,
        "report": str(imported.report) if progress.refused else None,
        "ignored_columns": imported.ignored,
        "new_classes": progress.new_classes,
        **asdict(imported.outcome),
    }


def _told(imported: Imported) -> list[str]:
    progress, outcome = imported.progress, imported.outcome
    lines = [f"{progress.accepted:,} labels accepted, {progress.refused:,} lines refused"]
    if imported.already:
        lines[0] += (
            f"; imported before, at {progress.finished_at:%Y-%m-%d %H:%M:%S} UTC"
            "\n  --again sends it again"
        )
    if progress.repeated:
        lines.append(f"  {progress.repeated:,} labels were replaced by a later line of the file")
    if progress.refused:
        lines.append(f"  {imported.report} names each refused line, field and reason")
    if imported.ignored:
        lines.append(f"  ignored columns: {', '.join(imported.ignored)}")
    lines.append(f"{outcome.joined:,} labels belong to a logged prediction")
    if outcome.waiting:
        lines.append(
            f"{outcome.waiting:,} wait for their prediction, which may take 30 minutes to be logged"
        )
    if outcome.unknown:
        lines.append(
            f"{outcome.unknown:,} belong to no logged prediction within label_wait, such as "
            f"{', '.join(outcome.examples)}"
        )
    if outcome.removed:
        lines.append(f"{outcome.removed:,} were not looked up: their raw objects are gone")
    if progress.new_classes:
        named = ", ".join(f"{name!r} ({count:,})" for name, count in progress.new_classes.items())
        lines.append(f"Classes that the model does not know: {named}")
    return lines
