"""`evergreen train`: train a challenger, on a file or on a model's recorded data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.retrain import finish, require_retrained
from cli.shared import console, executions
from cli.shared.cdk_context import read_trusted_types
from cli.shared.deployed_models import require_deployed
from cli.shared.examples import MODELS, find_example
from cli.shared.extra_packages import ready_packages
from cli.shared.options import Aws, Json, ModelArgument, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose
from evergreen.model_definition import find_definition

if TYPE_CHECKING:
    from cli.shared.target import Target
    from evergreen.registry.registration import Challenger


def command(
    model: ModelArgument,
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Labelled rows, .csv or .parquet: the features, the target and timestamp.",
            dir_okay=False,
        ),
    ] = None,
    fraction: Annotated[
        float | None,
        typer.Option(min=0.05, max=1.0, help="Share of the rows. Default: the example's own."),
    ] = None,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Train a model for the first time, or on other data than the request log.

    With --data the command uploads the rows as a data set and starts the state machine, on the
    local stack and on AWS alike. The newest rows become the holdout. If nothing is in production,
    the trained version is promoted. Otherwise it must be better than the champion there. The
    command follows the execution, and Ctrl-C ends the command only: `evergreen retrain MODEL
    --stop` ends the execution. The exit status is that of `evergreen retrain MODEL --wait`: 3 if
    nothing was trained.

    Labels are read as the classes of the version in production: true and yes are the same. A file
    of other classes is refused before anything is uploaded, and a new class or one of few rows is
    named.

    Without --data it trains on the data that the model's data.py records. With --aws that goes
    through the state machine too. On the local stack the version is only registered, and
    `evergreen promote MODEL VERSION` puts it into production.

    Once a model serves and its ground truth arrives, use `evergreen retrain MODEL`, which trains on
    logged requests.

    Next: `evergreen predict MODEL`.
    """
    require_retrained(find_definition(MODELS, model))
    target = choose(aws=aws, stage=stage)
    if data or aws:
        require_deployed(target, model)
        _train_deployed(target, model, data, fraction, json=json)
        return
    example = find_example(model)
    with Steps() as steps, steps.step("train", f"Train {model}") as say:
        # MLflow and scikit-learn take seconds to import. So they are imported only here.
        from evergreen.deployment.by_hand import train_by_hand

        ready_packages()
        say("reading the recorded data")
        share = example.fraction if fraction is None else fraction
        rows = example.load(example.trained_on, share)
        source = f"{example.source}, share {share}"
        made: Challenger = train_by_hand(
            target,
            example.definition,
            example.folder,
            rows,
            source,
            say,
            read_trusted_types(),
        )
    if json:
        console.document({"model": model, "version": made.version, "run_id": made.run_id})
    else:
        console.out.print(
            f"\nVersion {made.version} of {model} is registered. Put it into production with:\n\n"
            f"  evergreen promote {model} {made.version}",
            soft_wrap=True,
        )


def _train_deployed(
    target: Target, model: str, data: Path | None, fraction: float | None, *, json: bool
) -> None:
    definition = find_definition(MODELS, model)
    notes: list[str] = []
    with Steps() as steps, steps.step("upload", f"Upload the rows of {model}") as say:
        import pyarrow as pa

        from cli.shared.champion_classes import known_classes
        from cli.shared.file_classes import with_classes
        from cli.shared.training_file import read_training_file
        from evergreen.clock import utc_now
        from evergreen.datasets.splitting import split_rows
        from evergreen.datasets.store import write_dataset

        if data is not None:
            read, source = read_training_file(definition, data), data.name
            rows, notes = with_classes(definition, read, known_classes(target, definition), data)
        else:
            example = find_example(model)
            share = example.fraction if fraction is None else fraction
            recorded = example.load(example.trained_on, share)
            rows = pa.Table.from_pandas(recorded, preserve_index=False)
            source = f"{example.source}, share {share}"
        say(f"writing {rows.num_rows:,} rows")
        manifest = write_dataset(
            target.storage,
            definition,
            split_rows(definition, rows),
            sources=[source],
            data_until=utc_now(),
            clock=utc_now,
        )
    for note in notes:
        steps.note(note)
    execution = executions.start_execution(target, model, manifest.dataset_id)
    finish(target, model, execution, "train", json=json)
