"""`evergreen down`: stop the local stack."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.shared import console
from local.settings import read_settings
from local.stack import down


def command(
    *,
    clean: Annotated[
        bool, typer.Option("--clean", help="Delete MLflow's runs, versions and artifacts too.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was stopped as JSON.")] = False,
) -> None:
    """Stop every service of the local stack.

    LocalStack keeps everything in memory. When it stops, the deployed app is lost, and so are the
    request log and the bundles in its S3. MLflow's runs, versions and artifacts stay for the next
    `evergreen up`, unless you give --clean. Built environments always stay.
    """
    stopped = down(read_settings(), console.progress, clean=clean)
    if json:
        console.document({"stopped": stopped})
    elif stopped:
        console.out.print("The local stack is stopped. `evergreen up` starts it again.")
    else:
        console.out.print("Nothing was running. `evergreen up` starts the local stack.")
