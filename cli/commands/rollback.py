"""`evergreen rollback`: put an earlier version back into production."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.shared import console
from cli.shared.deployed_models import require_deployed
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
        typer.Option(help="A version that was in production. Default: the previous one."),
    ] = None,
    reason: Annotated[
        str, typer.Option(help="The reason, shown in the history and in the alert.")
    ] = "rolled back by hand",
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Put the previous version, or the version of --to, back into production.

    Both the bundle and the reference data set change. The command verifies the bundle first. If the
    bundle is damaged, it reports that and changes nothing. The API serves the earlier version
    within seconds, without a deployment. Then the decision log and the event bus are updated, and
    MLflow follows when it can be reached. If the command is interrupted, run it again to finish.

    If something wrote a pointer that cannot be read, the command puts the last valid one back.

    A second rollback without --to changes nothing. To go to any other version after a rollback,
    name it with --to. The version that you just left is allowed too.

    Next: `evergreen history MODEL`.
    """
    find_definition(MODELS, model)
    target = choose(aws=aws, stage=stage)
    require_deployed(target, model)
    with Steps() as steps, steps.step("rollback", f"Roll {model} back"):
        # The deployed function does it: it counts the rollback everywhere.
        answer = call(target, "RollBackFunctionName", {"model": model, "reason": reason, "to": to})
    if json:
        console.document(answer)
    elif answer["moved"]:
        instead = f", in place of version {answer['champion']}" if answer["champion"] else ""
        console.out.print(
            f"\nVersion {answer['challenger']} of {model} is back in production{instead}.\n"
            f"The API serves it within seconds. See `evergreen history {model}`.",
            soft_wrap=True,
        )
    else:
        console.out.print(
            f"\nNothing to do: {model} was rolled back to version {answer['challenger']} at "
            f"{answer['decided_at']}.\nTo go to another version, name it with --to.",
            soft_wrap=True,
        )
