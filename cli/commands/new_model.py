"""`evergreen new-model`: write a model's folder from a file of labelled rows."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.commands.check_model import show_check
from cli.shared import console
from cli.shared.examples import MODELS
from cli.shared.options import Json
from cli.shared.progress import Steps
from evergreen.errors import EvergreenError
from evergreen.model_definition import DEFINITION_FILE, load_definition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.shared.model_drafts import ModelDraft

PREPARED = Path(".evergreen") / "data"
"""Where the prepared rows are, below the repository."""


def command(  # noqa: PLR0913 - the options of the command
    name: Annotated[str, typer.Argument(help="Name of the new model: its folder in models/.")],
    *,
    file: Annotated[
        Path,
        typer.Option("--from", help="Labelled rows: .csv, .csv.gz or .parquet.", dir_okay=False),
    ],
    target: Annotated[str, typer.Option(help="The column to predict.")],
    time: Annotated[
        str | None,
        typer.Option(
            help="The column with the time of a row. Default: the only one of timestamps."
        ),
    ] = None,
    task: Annotated[
        Literal["classification", "regression", "time_series"] | None,
        typer.Option(help="Default: by the values of the target; a time series only if asked."),
    ] = None,
    horizon: Annotated[
        str | None,
        typer.Option(help="Time series: how many steps ahead to forecast, 7 or 1,7,28."),
    ] = None,
    series: Annotated[
        str | None, typer.Option(help="Time series: the column that tells several series apart.")
    ] = None,
    season: Annotated[
        int | None,
        typer.Option(help="Time series: steps of a season. Default: by the step.", min=1),
    ] = None,
    json: Json = False,
) -> None:
    """Make a model of a data file: its definition, its training and a first score.

    The command reads every value of the file. It decides the type of each column, its range, its
    categories and whether it may be missing, and says why. It leaves out ids and constants; free
    text becomes a `text` feature. It writes `models/NAME/model.toml` and `models/NAME/training.py`
    for you to edit, trains them here, and compares the score with an answer that knows no feature.
    The rows that training needs are written to `.evergreen/data/NAME.parquet`. After Ctrl-C nothing
    of it is left.

    Of a time series the file has one value for each step, and with --series for each step and
    series. The command makes the lags, the value one season before and the calendar; a row is one
    forecast, made at its time. What else is in the file it leaves out, unless it is always the same
    for a series: it cannot know what of it is known so far ahead.

    Next: edit the two files, `evergreen check-model NAME`, `evergreen deploy`, and
    `evergreen train NAME --data .evergreen/data/NAME.parquet`.
    """
    _require_name(name)
    folder = MODELS / name
    if folder.exists():
        raise EvergreenError(
            "the folder exists", where=str(folder), fix="Choose another name, or delete it."
        )
    with Steps() as steps:
        with steps.step("read", f"Read {file.name}"):
            draft = _draft(name, file, target, time, task, horizon, series, season)
        prepared = MODELS.parent / PREPARED / f"{name}.parquet"
        from cli.shared.model_check import check_model, classes_note  # imports scikit-learn

        slow = classes_note(draft.classes)
        with _gone_if_interrupted(folder, prepared):
            with steps.step("write", f"Write models/{name}"):
                _write(draft, folder, prepared)
            if slow is not None:
                steps.note(slow)
            try:
                with steps.step("check", "Train and check it here") as say:
                    check = check_model(folder, draft.rows, say, drift=False)
            except EvergreenError:
                console.err.print(
                    f"models/{name} is written. Edit it and run `evergreen check-model {name}`, "
                    "or delete the folder to begin again.",
                    markup=False,
                    soft_wrap=True,
                )
                raise
    if json:
        console.document(
            {
                "model": name,
                "task": draft.task,
                "features": {each.feature: each.role for each in draft.features},
                "left_out": {each.name: each.why for each in draft.left_out},
                "notes": [*draft.notes, *([slow] if slow else [])],
                "metric": check.metric,
                "score": check.score,
                "naive": check.naive,
                "warnings": list(check.warnings),
                "data": str(prepared),
            }
        )
        return
    _show(draft)
    show_check(check)
    console.out.print(
        f"\nNext:\n  edit models/{name}/model.toml and training.py, then\n"
        f"  evergreen check-model {name}\n  evergreen deploy\n"
        f"  evergreen train {name} --data {PREPARED}/{name}.parquet",
        markup=False,
        soft_wrap=True,
    )


@contextmanager
def _gone_if_interrupted(folder: Path, prepared: Path) -> Iterator[None]:
    """Remove what was written if Ctrl-C ends the command, so that it can run again."""
    try:
        yield
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        prepared.unlink(missing_ok=True)
        raise


def _require_name(name: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    from evergreen.model_definition import Name

    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise EvergreenError(
            "no name of a model",
            where=name,
            fix="Use 1 to 40 lower-case letters, digits and underscores, a letter first.",
        ) from error


def _draft(
    name: str,
    file: Path,
    target: str,
    time: str | None,
    task: Literal["classification", "regression", "time_series"] | None,
    horizon: str | None,
    series: str | None,
    season: int | None,
) -> ModelDraft:
    from cli.shared.model_drafts import draft_model  # imports DuckDB and pyarrow
    from cli.shared.series_drafts import draft_series
    from cli.shared.series_options import SeriesOptions, horizons_of

    given = {"--horizon": horizon, "--series": series, "--season": season}
    named = [option for option, value in given.items() if value is not None]
    if task == "time_series":
        if horizon is None:
            raise EvergreenError(
                "a time series needs a horizon",
                where="--horizon",
                fix="Say how many steps ahead to forecast: --horizon 7, or --horizon 1,7,28.",
            )
        options = SeriesOptions(horizons_of(horizon), season, series, time)
        return draft_series(name, file, target, options)
    if named:
        raise EvergreenError(
            f"{', '.join(named)} is for a time series",
            where="--task",
            fix="Add --task time_series, or leave it out.",
        )
    return draft_model(name, file, target, time, task)


def _write(draft: ModelDraft, folder: Path, prepared: Path) -> None:
    """Write the folder whole or not at all, and the rows."""
    import pyarrow.parquet as pq

    from cli.shared.draft_files import definition_text, training_text

    unfinished = folder.with_name(f".{folder.name}.new") / folder.name
    shutil.rmtree(unfinished.parent, ignore_errors=True)
    unfinished.mkdir(parents=True)
    (unfinished / DEFINITION_FILE).write_text(definition_text(draft), encoding="utf-8")
    (unfinished / "training.py").write_text(training_text(draft), encoding="utf-8")
    (unfinished / "__init__.py").write_text(f'"""The model {draft.name}."""\n', encoding="utf-8")
    try:
        load_definition(unfinished)  # the name, for one, comes from the command line
        prepared.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(draft.rows, prepared)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished.parent, ignore_errors=True)


def _show(draft: ModelDraft) -> None:
    lines = [f"\n{draft.rows.num_rows:,} rows, task {draft.task}, target {draft.target}"]
    lines += [f"  {note}" for note in draft.notes]
    lines.append("Features:")
    for each in draft.features:
        missing = f", {each.missing:.1%} missing" if each.missing else ""
        lines.append(f"  {each.feature}: {each.role} ({each.why}{missing})")
        if each.warning:
            lines.append(f"    ! {each.warning}")
    if draft.left_out:
        lines.append("Left out:")
        lines += [f"  {each.name}: {each.why}" for each in draft.left_out]
    console.out.print("\n".join(lines), markup=False, highlight=False)
