"""`evergreen train`: train a challenger by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared import console
from cli.shared.examples import find_example
from cli.shared.options import Aws, Json, ModelArgument, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose

if TYPE_CHECKING:
    from evergreen.registry.registration import Challenger


def command(
    model: ModelArgument,
    *,
    fraction: Annotated[
        float | None,
        typer.Option(min=0.05, max=1.0, help="Share of the rows. Default: the example's own."),
    ] = None,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Train a challenger on the model's recorded data and register it.

    The model's data.py names the rows for its first champion. The command does not change
    production; `evergreen promote MODEL VERSION` does. Once a model serves and its ground truth
    arrives, use `evergreen retrain MODEL`, which trains on logged requests.

    A deployment on AWS needs MLFLOW_TRACKING_URI.
    """
    example = find_example(model)
    target = choose(aws=aws, stage=stage)
    with Steps() as steps, steps.step("train", f"Train {model}") as say:
        # MLflow and scikit-learn take seconds to import. So they are imported only here.
        from cli.shared.manual_release import train_by_hand

        say("reading the recorded data")
        share = example.fraction if fraction is None else fraction
        data = example.load(example.trained_on, share)
        source = f"{example.source}, share {share}"
        made: Challenger = train_by_hand(
            target, example.definition, example.folder, data, source, say
        )
    if json:
        console.document({"model": model, "version": made.version, "run_id": made.run_id})
    else:
        console.out.print(
            f"\nVersion {made.version} of {model} is registered. Put it into production with:\n\n"
            f"  evergreen promote {model} {made.version}",
            soft_wrap=True,
        )
