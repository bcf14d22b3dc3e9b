"""`evergreen check-model`: find on this machine what would fail in a deployment."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared import console
from cli.shared.examples import MODELS, labelled_rows_of
from cli.shared.extra_packages import ready_packages
from cli.shared.options import Json, ModelArgument
from cli.shared.progress import Steps
from evergreen.errors import EvergreenError
from evergreen.model_definition import find_definition

if TYPE_CHECKING:
    from cli.shared.model_check import ModelCheck


def command(
    model: ModelArgument,
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Labelled rows, .csv or .parquet. Default: what `evergreen new-model` prepared.",
            dir_okay=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Run everything that could fail later, in seconds and without a stack.

    It reads the definition, locks the packages of `models/*/requirements.txt` and installs them for
    itself, checks that the training image has the packages that `training.py` imports, trains on
    the newest 20,000 rows, proves that ONNX says what scikit-learn says, serves rows through the
    code that serves, tests the data for drift against themselves, and compares the score with an
    answer that knows no feature. The first fault ends it, with its file and its fix.

    Next: `evergreen deploy`, then `evergreen train MODEL --data FILE`.
    """
    definition = find_definition(MODELS, model)
    file = data or labelled_rows_of(MODELS, model)
    if data is None and not file.exists():
        raise EvergreenError(
            "there are no labelled rows to check the model with",
            where=model,
            fix="Name a file of them: --data FILE.",
        )
    with Steps() as steps, steps.step("check", f"Check {model}") as say:
        say("locking the packages that models bring")
        ready_packages()
        from cli.shared.file_classes import with_classes
        from cli.shared.model_check import check_model  # imports scikit-learn
        from cli.shared.training_file import read_training_file

        rows, _ = with_classes(definition, read_training_file(definition, file), None, file)
        check = check_model(MODELS / model, rows, say)
    if json:
        console.document(asdict(check))
    else:
        show_check(check)


def show_check(check: ModelCheck) -> None:
    """Print the score beside that of the naive answer, and what a person should look at."""
    lines = [
        f"\n{check.metric} {check.score:.4f} on {check.held_out:,} rows that were held out",
        f"{check.metric} {check.naive:.4f} by {check.naive_answer}",
        f"trained on {check.trained:,} rows",
        *check.notes,
        *(f"! {warning}" for warning in check.warnings),
    ]
    console.out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
