"""`evergreen replay`: play a file of labelled rows against the API as live traffic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared import console
from cli.shared.deployed_models import require_deployed
from cli.shared.examples import MODELS
from cli.shared.options import Aws, Json, ModelArgument, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose
from evergreen.capture.request_log import MAX_ROWS
from evergreen.clock import parse_period
from evergreen.model_definition import find_definition

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.shared.replaying import ReplayProgress

JOURNALS = Path(".evergreen") / "replays"
"""Where the journals are, below the repository."""


def command(  # noqa: PLR0913 - each is an option
    model: ModelArgument,
    file: Annotated[
        Path,
        typer.Argument(
            help="Labelled rows, .csv or .parquet: the features, the target and timestamp.",
            exists=True,
            dir_okay=False,
            readable=True,
        ),
    ],
    *,
    speed: Annotated[
        str,
        typer.Option(
            help="Seconds of the file that pass in a second: 3600 plays an hour. "
            "max: as fast as the API answers."
        ),
    ] = "max",
    label_delay: Annotated[
        str,
        typer.Option(
            help="How much later than its row a label is sent, in the file's time: '6 hours', 0."
        ),
    ] = "1 day",
    batch_rows: Annotated[
        int, typer.Option(min=1, max=MAX_ROWS, help="Rows of one request, at most.")
    ] = 500,
    again: Annotated[
        bool, typer.Option("--again", help="Start at the first row, although it was sent before.")
    ] = False,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Send the rows of a file as live traffic in time order, and their labels after a delay.

    The file is one that `evergreen train MODEL --data FILE` takes. `timestamp` gives the order
    and, with --speed, the pace. The request log has the time at which a row was sent. Every row has
    `{"replay": "NAME OF THE FILE"}` in its metadata there.

    All labels are checked before the first row is sent: if the API would refuse one, nothing is
    sent. A row that the API refuses is left out and counted, and the first one is shown with its
    reason. Then the command exits with 1.

    After Ctrl-C, or an error, run the command again: it goes on where it stopped. After a kill it
    may send one request a second time.

    Next: `evergreen check-drift MODEL`, `evergreen history MODEL`.
    """
    definition = find_definition(MODELS, model)
    delay = _delay(label_delay)
    # These import pandas, which takes seconds.
    from cli.shared.champion_classes import champion_signature, known_classes, require_labels
    from cli.shared.replay_journal import ReplayJournal, journal_path
    from cli.shared.replaying import Pace, parse_speed, replay
    from cli.shared.traffic import Api
    from cli.shared.training_file import read_rows_in_order

    pace = Pace(parse_speed(speed), delay, batch_rows)
    target = choose(aws=aws, stage=stage)
    require_deployed(target, model)
    path = journal_path(MODELS.parent / JOURNALS, model, file, target.api_url)
    with Steps() as steps, ReplayJournal(path, again=again) as journal:
        with steps.step("read", f"Read {file.name}"):
            signature = champion_signature(target, definition)
            data = read_rows_in_order(definition, file, known_classes(target, definition))
            require_labels(definition, signature, data, file)
        before = journal.read()
        already = before.next_row >= len(data) and not before.waiting
        if before.next_row and not already:
            steps.note(f"it goes on after {before.next_row:,} rows; --again starts at the first")
        done = before
        with (
            steps.step("replay", f"Replay {len(data):,} rows through the API") as say,
            Api.of(target) as api,
        ):
            moments = data["timestamp"]
            try:
                done = replay(
                    api,
                    definition,
                    data,
                    pace=pace,
                    metadata={"replay": file.name},
                    progress=before,
                    record=journal.append,
                    on_progress=_shows(say, moments.tolist()),
                )
            except KeyboardInterrupt:
                steps.note(
                    f"stopped after {before.next_row:,} rows and {before.labels:,} labels; "
                    "the same command goes on from there"
                )
                raise
    if json:
        console.document(_document(model, file, done, already=already))
    else:
        for text in _told(done, already=already):
            console.out.print(text, soft_wrap=True, markup=False)
    if done.refusals:
        raise typer.Exit(1)


def _delay(text: str) -> timedelta:
    if text == "0":
        return timedelta(0)
    try:
        return parse_period(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--label-delay") from error


def _shows(say: Callable[[str], None], moments: list[datetime]) -> Callable[[ReplayProgress], None]:
    def show(progress: ReplayProgress) -> None:
        at = moments[max(progress.next_row - 1, 0)].astimezone(UTC)
        say(
            f"{progress.next_row:,} rows ({progress.next_row / len(moments):.0%}), "
            f"{progress.labels:,} labels, {at:%Y-%m-%d %H:%M}"
        )

    return show


def _document(model: str, file: Path, done: ReplayProgress, *, already: bool) -> dict[str, object]:
    return {
        "model": model,
        "file": str(file),
        "already_replayed": already,
        "rows": done.rows,
        "labels": done.labels,
        "refused_rows": done.refused_rows,
        "refused_labels": done.refused_labels,
        "refusals": done.refusals,
        "versions": list(done.versions),
    }


def _told(done: ReplayProgress, *, already: bool) -> list[str]:
    versions = ", ".join(done.versions) or "none"
    lines = [f"\n{done.rows:,} rows answered by version {versions}, {done.labels:,} labels sent"]
    if already:
        lines[0] += "; replayed before, and --again does it again"
    if done.refused_rows or done.refused_labels:
        lines.append(
            f"{done.refused_rows:,} rows and "
            f"{done.refused_labels:,} labels were refused. The first:"
        )
        lines += [f"  {refusal}" for refusal in done.refusals]
    return lines
