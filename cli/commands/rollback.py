"""`evergreen rollback`: put the version before back into production."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.shared import console
from cli.shared.examples import MODELS
from cli.shared.invocation import call
from cli.shared.options import Aws, Json, ModelArgument, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose
from evergreen.model_definition import find_definition


def command(
    model: ModelArgument,
    *,
    to: Annotated[
        str | None,
        typer.Option(help="A version that was in production; the one before this one if none."),
    ] = None,
    reason: Annotated[
        str, typer.Option(help="Why, for the history and for those who are told.")
    ] = "rolled back by hand",
    aws: Aws = False,
    stage: Stage = "dev",
    json: Json = False,
) -> None:
    """Put the version before back into production: bundle, reference data set and all.

    The API follows within seconds, nothing is deployed anew. The bundle is verified first; what is
    wrong with it is said and nothing changed. MLflow, the decision record and the event follow.
    Interrupted, the same command finishes the job. Given twice, it goes back once: after a
    rollback, name the version to go anywhere else, the one just left included.

    Next: `evergreen history MODEL`.
    """
    find_definition(MODELS, model)
    target = choose(aws=aws, stage=stage)
    with Steps() as steps, steps.step("rollback", f"Roll {model} back"):
        # By its function, which reaches MLflow and counts the rollback wherever it runs.
        answer = call(target, "RollBackFunctionName", {"model": model, "reason": reason, "to": to})
    if json:
        console.document(answer)
    elif answer["moved"]:
        console.out.print(
            f"\nVersion {answer['challenger']} of {model} is back in production; version "
            f"{answer['champion']} is out, and stays.\nThe API answers with it within seconds. "
            f"See `evergreen history {model}`.",
            soft_wrap=True,
        )
    else:
        console.out.print(
            f"\nNothing to do: {model} was rolled back to version {answer['challenger']} at "
            f"{answer['decided_at']}.\nTo go elsewhere, name the version with --to.",
            soft_wrap=True,
        )
