"""`evergreen promote`: put a registered version into production by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.shared import console
from cli.shared.cdk_context import read_trusted_types
from cli.shared.examples import MODELS
from cli.shared.options import Aws, Json, ModelArgument, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose
from evergreen.model_definition import find_definition


def command(
    model: ModelArgument,
    version: Annotated[
        str, typer.Argument(help="A registered version that was never in production.")
    ],
    *,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Put a registered version into production, whether or not it is better.

    The command verifies the version's bundle and compares the version with the champion on the
    version's holdout, for the history. The API serves the new version within seconds. If the
    command is interrupted, run it again to finish.

    To go back to a version that was in production before, use `evergreen rollback`.

    On AWS with `tracking = "fargate"` it needs MLFLOW_TRACKING_URI, because that server is inside
    the VPC (see docs/services.md).
    """
    definition = find_definition(MODELS, model)
    target = choose(aws=aws, stage=stage)
    with Steps() as steps, steps.step("promote", f"Promote version {version} of {model}") as say:
        # MLflow takes seconds to import. So it is imported only here.
        from evergreen.deployment.by_hand import promote_by_hand

        record = promote_by_hand(target, definition, version, say, read_trusted_types())
    if json:
        console.document(record.model_dump(mode="json"))
    else:
        before = f", in place of version {record.champion}" if record.champion else ""
        console.out.print(
            f"\nVersion {version} of {model} is in production{before}: {record.reason}.\n"
            f"Take it back with `evergreen rollback {model}`.",
            soft_wrap=True,
        )
