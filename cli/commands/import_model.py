"""`evergreen import`: make a version of a model from an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared import console
from cli.shared.examples import MODELS
from cli.shared.options import Aws, Json, ModelArgument, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose
from evergreen.errors import ModelDefinitionError
from evergreen.model_definition import DEFINITION_FILE, find_definition

if TYPE_CHECKING:
    from cli.shared.model_import import TriedModel
    from evergreen.model_definition import ModelDefinition


def command(  # noqa: PLR0913 - each is an option
    model: ModelArgument,
    file: Annotated[Path, typer.Argument(help="The model, .onnx.", dir_okay=False)],
    *,
    data: Annotated[
        Path,
        typer.Option(
            help="Labelled rows, .csv or .parquet: the features, the target and timestamp.",
            dir_okay=False,
        ),
    ],
    classes: Annotated[
        str | None,
        typer.Option(
            help="The classes in the model's order, with commas between them, where the file does "
            "not say it: fine,late."
        ),
    ] = None,
    expected: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="A column of --data with what the model predicted where it was trained. The "
            "import is refused if it predicts something else here.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether it fits; it needs no deployment.")
    ] = False,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Make a version of an ONNX file that was trained elsewhere, by any framework.

    The command holds the file's inputs against the features of model.toml, and its outputs against
    the task. It predicts the rows of --data, alone and together, and rows with what the definition
    allows: missing values, unseen categories, the ends of ranges. It shows the metric on the
    newest rows beside that of an answer that knows no feature. Then it registers a version. Nothing
    serves until you promote it. The rows of --data become the version's reference for drift.

    A model whose versions are all imported has no training.py, and `by = "import"` below
    [retraining] in its model.toml. Drift is then reported and starts no retraining. With a
    training.py, retrainings compare a newly trained version with the imported one.

    Next: `evergreen promote MODEL VERSION`.
    """
    definition = find_definition(MODELS, model)
    _require_told(definition)
    with Steps() as steps:
        with steps.step("try", f"Try {file.name}") as say:
            from cli.shared.model_import import try_model  # imports ONNX and MLflow

            names = None if classes is None else [name.strip() for name in classes.split(",")]
            tried = try_model(definition, file, data, say, classes=names, expected=expected)
        version = None
        if not check:
            target = choose(aws=aws, stage=stage)
            with steps.step("register", f"Register it as a version of {model}") as say:
                from evergreen.deployment.imports import import_by_hand

                made = import_by_hand(
                    target, definition, file, tried.imported, tried.rows, data.name, say
                )
                version = made.version
    if json:
        console.document(
            {
                "model": model,
                "version": version,
                "metric": definition.metric,
                "score": tried.score,
                "naive": tried.naive,
                "classes": tried.classes,
                "notes": list(tried.notes),
            }
        )
        return
    _show(definition, tried, version)


def _require_told(definition: ModelDefinition) -> None:
    """Check that the definition says what a retraining of the model will be."""
    folder = MODELS / definition.name
    if definition.retraining.by == "training" and not (folder / "training.py").is_file():
        raise ModelDefinitionError(
            "the model has no training.py, so drift would start retrainings that can only fail",
            where=str(folder / DEFINITION_FILE),
            fix='Write by = "import" below [retraining]: drift is then reported, and you import '
            "the next version. Or write a training.py.",
        )


def _show(definition: ModelDefinition, tried: TriedModel, version: str | None) -> None:
    lines = [
        f"\n{definition.metric} {tried.score:.4f} on {tried.held_out:,} held-out rows",
        f"{definition.metric} {tried.naive:.4f} by {tried.naive_answer}",
    ]
    if tried.classes:
        lines.append(f"Classes: {', '.join(tried.classes)}")
    lines += tried.notes
    if definition.retraining.by == "import":
        lines.append(
            "Drift will be reported and starts no retraining: you import the next version."
        )
    else:
        lines.append("A retraining compares what training.py makes with this version.")
    if version is None:
        lines.append(f"It fits {definition.name}. Without --check it becomes a version.")
    else:
        lines.append(
            f"\nVersion {version} of {definition.name} is registered. Put it into production with:"
            f"\n\n  evergreen promote {definition.name} {version}"
        )
    console.out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
