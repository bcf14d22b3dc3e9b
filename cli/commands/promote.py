"""`evergreen promote`: put a registered version into production by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.shared import console
from cli.shared.examples import MODELS
from cli.shared.options import Aws, Json, ModelArgument, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose
from evergreen.model_definition import find_definition


def command(
    model: ModelArgument,
    version: Annotated[str, typer.Argument(help="A registered version that never served.")],
    *,
    aws: Aws = False,
    stage: Stage = "dev",
    json: Json = False,
) -> None:
    """Put a registered version into production, whether or not it is better.

    It is compared with the champion on its own holdout, so that the history shows what was given
    up; its bundle is verified first. The API follows within seconds. Interrupted, the same command
    finishes the job. A version that was in production before comes back with `evergreen rollback`.

    Needs MLFLOW_TRACKING_URI for a deployment on AWS.
    """
    definition = find_definition(MODELS, model)
    target = choose(aws=aws, stage=stage)
    with Steps() as steps, steps.step("promote", f"Promote version {version} of {model}") as say:
        # MLflow takes seconds to import: only when it is needed.
        from cli.shared.manual_release import promote_by_hand

        record = promote_by_hand(target, definition, version, say)
    if json:
        console.document(record.model_dump(mode="json"))
    else:
        before = f", in place of version {record.champion}" if record.champion else ""
        console.out.print(
            f"\nVersion {version} of {model} is in production{before}: {record.reason}.\n"
            f"Take it back with `evergreen rollback {model}`.",
            soft_wrap=True,
        )
